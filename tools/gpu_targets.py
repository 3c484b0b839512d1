#!/usr/bin/env python3
"""gpu_targets.py: which targets kernels are compiled for.

    tools/gpu_targets.py native | all | TARGET[,TARGET...]

native: what this machine's GPUs are, from the kernel's list of AMD's compute devices and from NVIDIA's driver;
none where there is no GPU. all: every target that this project is made for. Prints one a line.
"""
import glob
import re
import subprocess
import sys

AMD = ["gfx906", "gfx90a", "gfx942", "gfx1030", "gfx1100", "gfx1151", "gfx1201"]
AMD_GENERIC = ["gfx9-generic", "gfx10-3-generic", "gfx11-generic", "gfx12-generic"]
NVIDIA = ["sm_80", "sm_90", "sm_90a"]


def amd_here():
    """gfx_target_version is major * 10000 + minor * 100 + stepping; the last two are hexadecimal digits in names."""
    found = set()
    for path in glob.glob("/sys/class/kfd/kfd/topology/nodes/*/properties"):
        with open(path, encoding="ascii") as properties:
            match = re.search(r"^gfx_target_version (\d+)", properties.read(), re.MULTILINE)
        version = int(match.group(1)) if match else 0
        if version:
            found.add(f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}")
    return sorted(found)


def nvidia_here():
    """The newest target that each card runs; its "a" form too, where there is one of just that number."""
    try:
        query = subprocess.run(["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"],
                               capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    found = set()
    for line in query.stdout.split():
        number = int(line.replace(".", ""))
        runs = [t for t in NVIDIA if not t.endswith("a") and int(t[3:]) <= number]
        found.update(runs[-1:])
        found.update(t for t in NVIDIA if t == f"sm_{number}a")
    return sorted(found)


def main():
    choice = sys.argv[1] if len(sys.argv) == 2 else "native"
    if choice == "all":
        targets = AMD + AMD_GENERIC + NVIDIA
    elif choice == "native":
        targets = amd_here() + nvidia_here()
    else:
        targets = choice.split(",")
    known = re.compile(r"gfx[0-9a-f]{3,4}|gfx[0-9-]+-generic|sm_[0-9]{2,3}a?")
    for target in targets:
        if not known.fullmatch(target):
            sys.exit(f"gpu_targets: '{target}' is none; expected native, all, or names such as {', '.join(AMD + NVIDIA)}")
    print("\n".join(sorted(set(targets))))


main()
