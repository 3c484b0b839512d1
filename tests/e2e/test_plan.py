"""test_plan.py: rocmforge plan from outside: for a device that is not here, the context that fits, and the picture."""
import json
import os
import re
import tempfile
import xml.etree.ElementTree as ElementTree

from harness import fail, main, rocmforge, succeed

SVG = "{http://www.w3.org/2000/svg}"
MIB = 1 << 20
GRANULARITY = 2 * MIB  # of GPU drivers
LATE = 64 * MIB  # what is left for them where layers are looked for


def with_model(test, *more, name="m.gguf"):
    """Runs a test with the path of a synthetic model in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        succeed("synth", "tiny", "Q4_K_M", path, "-q", *more)
        test(path)


def planned(path, *more):
    return json.loads(succeed("plan", "-m", path, "--json", *more))


def rounded(pool):
    return pool["bytes"] + pool["rounding"]


def check_sums(plan):
    pools = plan["pools"]
    assert plan["total"] == sum(pool["bytes"] for pool in pools)
    assert plan["rounding"] == sum(pool["rounding"] for pool in pools)
    assert plan["total"] == plan["padding"] + sum(row["pooled"] for row in plan["classes"].values())
    assert plan["needed"] == plan["total"] + plan["rounding"] + plan["driver"]
    assert plan["fits"] == (plan["needed"] <= plan["available"])
    assert plan["missing"] == max(0, plan["needed"] - plan["available"])
    assert plan["in_use"] == plan["capacity"] - plan["available"]
    for i, pool in enumerate(pools):
        items = [item for item in plan["items"] if item["pool"] == i]
        assert pool["items"] == len(items)
        assert pool["bytes"] == sum(item["bytes"] for item in items) + pool["padding"]
    apart = [item for item in plan["items"] if item["pool"] is None]
    host = plan["host"]
    assert sum(item["bytes"] for item in apart) == host["mapped"] + host["pinned"]
    assert sum(item["class"] == "staging" for item in apart) == host["pinned_buffers"]


def test_a_device_that_is_not_here():
    def check(path):
        plan = planned(path, "--memory", "24GiB", "--all")
        check_sums(plan)
        assert plan["device"] is None and plan["fits"]
        assert plan["available"] == plan["capacity"] == 24 << 30
        assert plan["driver"] > 100 * MIB
        assert plan["classes"]["weights"]["external"] == 0 and plan["host"]["mapped"] == 0
        assert plan["host"]["pinned"] == plan["classes"]["staging"]["external"] > 0
        assert all(rounded(pool) % GRANULARITY == 0 for pool in plan["pools"])
        text = succeed("plan", "-m", path, "--memory", "24GiB").decode()
        for word in ("not here", "pinned", "memory of the host", "driver's own", "rounding", "as given by --memory"):
            assert word in text, (word, text)
        assert "only one" in fail(1, "plan", "-m", path, "--memory", "1G", "--device", "cpu")
        assert "--memory" in fail(2, "plan", "-m", path, "--memory", "1.5G")

    with_model(check)


def test_a_device_that_is_here():
    def check(path):
        for more in (("--device", "cpu"), ("--device", "cpu", "--no-mmap"), ("--device", "emu32", "--alignment", "256")):
            plan = planned(path, "--all", *more)
            check_sums(plan)
            assert plan["device"]["id"] == more[1] and plan["driver"] == 0
        mapped = planned(path, "--device", "cpu")["host"]
        assert mapped["mapped"] > 0 and mapped["pinned"] == 0
        assert all(rounded(pool) % 4096 == 0 for pool in plan["pools"]) and plan["rounding"] > 0

    with_model(check)


def test_the_largest_context_that_fits():
    def check(path):
        small = planned(path, "--memory", "8GiB", "-c", "16")
        for more in ((), ("--parallel", "7"), ("--kv-type", "q8_0"), ("--page", "64", "-b", "9")):
            page = int(more[1]) if "--page" in more else 16
            memory = ("--memory", str(small["needed"] + 20 * MIB))
            fitted = planned(path, *memory, "--fit", "-c", "1000000", "--all", *more)
            check_sums(fitted)
            found = fitted["context"]
            assert fitted["fits"] and fitted["context_fitted"] and found % page == 0, fitted
            assert planned(path, *memory, "-c", found, *more)["needed"] == fitted["needed"]
            refused = rocmforge("plan", "-m", path, *memory, "-c", found + page, *more, "--json")
            assert refused.returncode == 1 and json.loads(refused.stdout)["fits"] is False
        trained = planned(path, "--memory", "64GiB", "--fit")
        assert trained["context"] == trained["context_trained"]
        assert planned(path, "--memory", "64GiB", "--fit", "-c", "77")["context"] == 77
        assert planned(path, "--fit", "-d", "emu32")["context"] == trained["context_trained"]
        assert "the largest that fits" in succeed("plan", "-m", path, "--memory", "64GiB", "--fit").decode()

    with_model(check)


def test_layers_on_a_gpu_and_on_the_host():
    def check(path):
        whole = planned(path, "--memory", "24GiB", "--all")
        n_layers = whole["layers"]
        assert n_layers > 1 and whole["device_layers"] == n_layers and whole["host_layers"] is None
        weights = []
        for n in range(n_layers):
            plan = planned(path, "--memory", "24GiB", "--all", "--gpu-layers", n)
            host = plan["host_layers"]
            check_sums(plan)
            check_sums(host)
            assert plan["device_layers"] == n and host["device"]["id"] == "cpu"
            kv = plan["classes"]["kv cache"]["pooled"] + host["classes"]["kv cache"]["pooled"]
            assert kv == whole["classes"]["kv cache"]["pooled"]
            assert host["host"]["mapped"] > 0 and host["classes"]["staging"]["external"] == 0
            weights.append(plan["classes"]["weights"]["pooled"])
        assert weights[0] == 0 and weights == sorted(set(weights))
        for given in (n_layers, n_layers + 1, 99, "all"):
            assert planned(path, "--memory", "24GiB", "--all", "--n-gpu-layers", given) == whole

    with_model(check, "--layers", "5")


def test_as_many_layers_as_fit():
    def check(path):
        needed = [planned(path, "--memory", "24GiB", "--gpu-layers", n)["needed"] for n in range(7)]
        assert needed == sorted(needed)
        least = [0, *(n + LATE for n in needed[1:])]
        for n in range(7):
            for memory in (least[n], least[n] + 1, (least[n + 1] if n < 6 else 1 << 40) - 1):
                fitted = planned(path, "--memory", max(memory, 1), "--gpu-layers", "auto")
                expected = max(k for k in range(7) if least[k] <= memory)
                assert fitted["device_layers"] == expected and fitted["fits"], (n, memory)
        text = succeed("plan", "-m", path, "--memory", least[3], "--gpu-layers", "auto", "-a").decode()
        for word in ("on the device, as many as fit, the others on the host", "for the layers that are there"):
            assert word in text, (word, text)
        done = rocmforge("plan", "-m", path, "--memory", needed[3], "--gpu-layers", "6")
        assert done.returncode == 1 and b"does not fit with these layers" in done.stderr
        done = rocmforge("plan", "-m", path, "--memory", needed[3])
        assert done.returncode == 1 and b"--gpu-layers auto leaves" in done.stderr
        root = drawn(path, path + ".svg", "--memory", least[3], "--gpu-layers", "auto")
        assert any("are on the host" in "".join(text.itertext()) for text in root.iter(SVG + "text"))
        fail(2, "plan", "-m", path, "--fit", "--gpu-layers", "auto")
        fitted = planned(path, "--memory", needed[3], "--fit", "--gpu-layers", "2")
        assert fitted["device_layers"] == 2 and fitted["fits"]

    with_model(check, "--layers", "6")


def test_where_nothing_fits_the_missing_bytes_are_named():
    def check(path):
        least = planned(path, "--memory", "8GiB", "-c", "16")["needed"]
        assert planned(path, "--memory", least, "--fit")["needed"] == least  # as far as rounding leaves room
        for more in (("--fit",), ("--fit", "--json")):
            done = rocmforge("plan", "-m", path, "--memory", least - 1000, *more)
            message = done.stderr.decode()
            assert done.returncode == 1
            assert "not even a context of 16 tokens" in message and "1000 (1000 B) missing" in message, message
        assert json.loads(done.stdout)["missing"] == 1000
        done = rocmforge("plan", "-m", path, "--memory", least - 1000, "-c", "16")
        assert done.returncode == 1 and b"1000 (1000 B) missing" in done.stderr and b"does not fit" in done.stdout

    with_model(check)


def drawn(path, picture, *more, status=0):
    """The picture's root, after checks that hold for every picture."""
    done = rocmforge("plan", "-m", path, "--svg", picture, *more)
    assert done.returncode == status, done.stderr
    root = ElementTree.parse(picture).getroot()
    assert root.tag == SVG + "svg"
    width, height = (float(root.get(side)) for side in ("width", "height"))
    for rectangle in root.iter(SVG + "rect"):
        x, y, w, h = (float(rectangle.get(name, "0")) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width + 1 and 0 <= y <= y + h <= height, ElementTree.tostring(rectangle)
    by_line = {}
    for text in root.iter(SVG + "text"):
        by_line.setdefault(text.get("y"), []).append(extent(text))
        assert float(text.get("y")) <= height
    for extents in by_line.values():
        extents.sort()
        for before, after in zip(extents, extents[1:]):
            assert before[1] <= after[0], extents
        assert extents[0][0] >= 0 and extents[-1][1] <= width, extents
    return root


def extent(text):
    """From where to where a text goes, in a font as wide as DejaVu Sans is on average, and its words."""
    words = "".join(text.itertext())
    length = len(words) * float(text.get("font-size")) * 0.61
    x = float(text.get("x"))
    start = {None: x, "middle": x - length / 2, "end": x - length}[text.get("text-anchor")]
    return start, start + length, words


def tooltips(root):
    """Every line of every tooltip in a bar."""
    return [
        line
        for bar in root.iter(SVG + "g")
        for title in bar.iter(SVG + "title")
        for line in (title.text or "").split("\n")
        if not line.startswith("rounding")
    ]


def check_picture(path, *more):
    picture = os.path.join(os.path.dirname(path), "plan.svg")
    root = drawn(path, picture, *more)
    plan = planned(path, "--all", *more)
    lines = tooltips(root)
    assert len(lines) == len(plan["items"])
    sizes = sorted(int(re.search(r"(\d+) bytes", line)[1]) for line in lines)
    assert sizes == sorted(item["bytes"] for item in plan["items"])
    words = ["".join(text.itertext()) for text in root.iter(SVG + "text")]
    for i in range(len(plan["pools"])):
        assert f"pool {i}" in words, (i, words)
    return root, words


def test_the_picture_has_every_pool_and_item():
    def check(path):
        for more in (
            ("--memory", "24GiB"),
            ("--memory", "2GiB", "--pool-size", "1M"),
            ("-d", "cpu"),
            ("-d", "emu32", "-c", "8", "--batch", "1"),
        ):
            check_picture(path, *more)
        _, words = check_picture(path, "--memory", "24GiB")
        assert any("pinned" in text for text in words) and any("24.0 GiB" in text for text in words)

    with_model(check)
    with_model(check, "--layers", "1")


def test_a_picture_of_many_tensors():
    with_model(lambda path: check_picture(path, "--memory", "24GiB"), "--layers", "120")
    with_model(lambda path: check_picture(path, "--memory", "24GiB", "--pool-size", "1M"), "--layers", "60")


def test_a_picture_of_what_does_not_fit():
    def check(path):
        root = drawn(path, path + ".svg", "--memory", "100M", status=1)
        words = " ".join("".join(text.itertext()) for text in root.iter(SVG + "text"))
        assert "does not fit" in words and "missing" in words and "where the memory ends" in words

    with_model(check)


def test_names_are_escaped():
    def check(path):
        root, _ = check_picture(path, "--memory", "1GiB")
        title = root.find(SVG + "title").text
        assert title == "Memory of a<b>&\"'\ufffdü\ufffd.gguf", title

    with_model(check, name=os.fsdecode(b"a<b>&\"'\x01\xc3\xbc\xff.gguf"))


def test_a_picture_is_whole_or_not_there():
    def check(path):
        folder = os.path.dirname(path)
        assert "/nonexistent/x.svg" in fail(1, "plan", "-m", path, "--svg", "/nonexistent/x.svg")
        os.mkdir(os.path.join(folder, "taken"))
        assert "taken" in fail(1, "plan", "-m", path, "--svg", os.path.join(folder, "taken"))
        succeed("plan", "-m", path, "--svg", os.path.join(folder, "p.svg"))
        succeed("plan", "-m", path, "--svg", os.path.join(folder, "p.svg"))  # takes the place of the first
        assert sorted(os.listdir(folder)) == ["m.gguf", "p.svg", "taken"]

    with_model(check)


main(globals())
