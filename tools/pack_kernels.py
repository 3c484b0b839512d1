#!/usr/bin/env python3
"""pack_kernels.py: puts compiled kernels into two sources: a table (C), and the compressed code (assembler).

    tools/pack_kernels.py --out TABLE.c CODE.S --names TARGET=UNIT... --files FILE...

Files are in the order of the names. Each is compressed on its own, so that a program takes just what it needs.
"""
import argparse
import os
import subprocess


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", nargs=2, required=True)
    parser.add_argument("--names", nargs="*", default=[])
    parser.add_argument("--files", nargs="*", default=[])
    arguments = parser.parse_args()
    table, code = arguments.out
    packed = os.path.splitext(code)[0] + ".zst"
    rows = []
    with open(packed, "wb") as out:
        for name, path in sorted(zip(arguments.names, arguments.files, strict=True)):
            target, unit = name.split("=")
            compressed = subprocess.run(["zstd", "-q", "-12", "-c", path], capture_output=True, check=True).stdout
            rows.append((target, unit, out.tell(), len(compressed), os.path.getsize(path)))
            out.write(compressed)
        out.write(b"\0") # so that there is something where there is nothing
    with open(table, "w", encoding="ascii") as out:
        out.write("/* Made by tools/pack_kernels.py. */\n#include \"kernels/gpu/images.h\"\n\n"
                  "const rf_gpu_packed_image rf_gpu_packed_images[] = {\n")
        for row in rows:
            out.write('    {"%s", "%s", %d, %d, %d},\n' % row)
        out.write("    {0},\n};\n")
    with open(code, "w", encoding="ascii") as out:
        out.write("/* Made by tools/pack_kernels.py. */\n"
                  ".section .rodata.rf_gpu_packed_code,\"a\",@progbits\n"
                  ".globl rf_gpu_packed_code\n.hidden rf_gpu_packed_code\n.balign 16\n"
                  "rf_gpu_packed_code:\n"
                  f"    .incbin \"{os.path.abspath(packed)}\"\n"
                  ".section .note.GNU-stack,\"\",@progbits\n")


main()
