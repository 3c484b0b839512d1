"""test_summary.py: tools/summarise_tests.py counts what ran, failed, died and was skipped, whatever the log holds."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
import summarise_tests as summary  # noqa: E402


def program(output, result="OK"):
    return {"name": "p", "result": result, "stdout": output}


def summarise(*programs):
    """The printed lines and the exit status for a log of these programs."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as log:
        log.write("".join(json.dumps(entry) + "\n" for entry in programs))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = summary.main(log.name)
    os.unlink(log.name)
    return printed.getvalue().splitlines(), status


GOOD = "[ RUN      ] a\n[       OK ] a\n"
SKIPPED = "[ RUN      ] b\nskipped: no files here\n[  SKIPPED ] b\n"
FAILED = "[ RUN      ] c\n[  FAILED  ] c\n"
UNFINISHED = "[ RUN      ] d\n"


class Summary(unittest.TestCase):
    def test_adds_up_the_faults_that_were_tried(self):
        tried = "[ RUN      ] a\nfaults tried: 41 (device calls)\nfaults tried: 2 (host calls)\n[       OK ] a\n"
        lines, _ = summarise(program(tried), program(GOOD), program(tried))
        self.assertEqual(lines[-2:], ["86 injected faults tried and survived", "3 passed, 0 failed"])

    def test_counts_each_test_of_a_program(self):
        lines, status = summarise(program(GOOD + SKIPPED), program("no cmocka here"))
        self.assertEqual(lines[-1], "2 passed, 0 failed, 1 skipped")
        self.assertIn("skipped 1 (no files here):", lines)
        self.assertEqual(status, 0)

    def test_leaves_out_skips_where_there_are_none(self):
        self.assertEqual(summarise(program(GOOD))[0], ["1 passed, 0 failed"])

    def test_a_program_that_skips_itself_counts_once(self):
        lines, _ = summarise(program(GOOD), program("words\nskipped: no GPU here\n", "SKIP"))
        self.assertEqual(lines, ["skipped 1 (no GPU here):", "    p: (whole program)", "1 passed, 0 failed, 1 skipped"])

    def test_counts_failures_once(self):
        listed_again = FAILED + "[  FAILED  ] 1 test(s), listed below:\n[  FAILED  ] c\n"
        lines, status = summarise(program(GOOD + listed_again, "FAIL"))
        self.assertEqual(lines, ["failed: p: c", "1 passed, 1 failed"])
        self.assertEqual(status, 1)

    def test_a_program_that_dies_fails_the_test_it_was_in(self):
        self.assertEqual(summarise(program(GOOD + UNFINISHED, "FAIL"))[0][-1], "1 passed, 1 failed")

    def test_a_program_that_fails_after_its_tests_fails(self):
        self.assertEqual(summarise(program(GOOD, "FAIL"))[0][-1], "1 passed, 1 failed")
        self.assertEqual(summarise(program("", "TIMEOUT"))[0][-1], "0 passed, 1 failed")

    def test_output_without_a_newline_hides_nothing(self):
        self.assertEqual(summarise(program("[ RUN      ] a\ntext[       OK ] a\n"))[0], ["1 passed, 0 failed"])

    def test_no_log_and_no_test_are_failures(self):
        self.assertEqual(summarise(program(SKIPPED))[1], 1)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self.assertEqual(summary.main("/nonexistent"), 1)
        self.assertEqual(printed.getvalue().splitlines()[-1], "0 passed, 1 failed")


if __name__ == "__main__":
    unittest.main()
