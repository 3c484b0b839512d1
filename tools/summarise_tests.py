"""summarise_tests.py: sums up a run of the tests from Meson's log (testlog.json), whose path is the argument.

Meson counts programs; a program made with cmocka holds many tests, and some may have been skipped, which its
exit status does not tell. So they are counted here from cmocka's own lines. A program that prints none counts
as one test. The faults that tests made happen, and survived, are added up from lines 'faults tried: N (what)'.
The last line is 'N passed, N failed' or 'N passed, N failed, N skipped'; the exit status is 1
when anything failed or nothing ran."""

import collections
import json
import re
import sys

# Not from the start of the line: a test may have printed something without a newline.
_RESULT = re.compile(r"\[ +(RUN|OK|FAILED|SKIPPED) +\] (\w+)$")
_FAULTS = re.compile(r"^faults tried: (\d+) ", re.MULTILINE)
NO_REASON = "no reason given"


def cmocka_results(output):
    """[(test, 'OK' or 'FAILED' or 'SKIPPED', reason of a skip)] of a program, and the test it died in, if any."""
    results = []
    running, reason = None, NO_REASON
    for line in output.splitlines():
        found = _RESULT.search(line)
        if not found and line.startswith("skipped: "):
            reason = line.removeprefix("skipped: ")
        if not found:
            continue
        kind, name = found.groups()
        if kind == "RUN":
            running, reason = name, NO_REASON
        elif name == running:  # cmocka lists skipped and failed ones once more at its end
            results.append((name, kind, reason))
            running = None
    return results, running


def program_results(program):
    """The results of one program of the log, as above."""
    status = program["result"]
    output = program.get("stdout", "")
    if status == "SKIP":
        found = re.search(r"^skipped: (.*)$", output, re.MULTILINE)
        return [("(whole program)", "SKIPPED", found[1] if found else NO_REASON)]
    results, died_in = cmocka_results(output)
    good = status in ("OK", "EXPECTEDFAIL")
    if died_in:
        results.append((died_in, "FAILED", ""))
    elif not results or (not good and all(kind != "FAILED" for _, kind, _ in results)):
        results.append((f"(whole program: {status})", "OK" if good else "FAILED", ""))
    return results


def main(path):
    counts = collections.Counter()
    failures, skips, faults = [], collections.defaultdict(list), 0
    try:
        with open(path, encoding="utf-8") as log:
            programs = [json.loads(line) for line in log]
    except FileNotFoundError:
        print("no test ran\n0 passed, 1 failed")
        return 1
    for program in programs:
        faults += sum(int(count) for count in _FAULTS.findall(program.get("stdout", "")))
        for name, kind, reason in program_results(program):
            counts[kind] += 1
            if kind == "FAILED":
                failures.append(f"{program['name']}: {name}")
            elif kind == "SKIPPED":
                skips[reason].append(f"{program['name']}: {name}")
    for failure in failures:
        print(f"failed: {failure}")
    for reason, names in skips.items():
        print(f"skipped {len(names)} ({reason}):")
        print("\n".join(f"    {name}" for name in names))
    if faults:
        print(f"{faults} injected faults tried and survived")
    skipped = f", {counts['SKIPPED']} skipped" if counts["SKIPPED"] else ""
    print(f"{counts['OK']} passed, {counts['FAILED']} failed{skipped}")
    return 1 if counts["FAILED"] or not counts["OK"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
