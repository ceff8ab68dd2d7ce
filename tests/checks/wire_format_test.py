"""check_wire_format.py is fed the project's own page and headers, with one thing changed."""

import pathlib
import shutil
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import check_wire_format

PAGE = check_wire_format.PAGE
DATA = "include/kith/wire/data_messages.hpp"
OPCODES = "include/kith/wire/opcode.hpp"


class WireFormat(unittest.TestCase):
    def faults(self, file, old, new):
        """What is found when `old`, which is there once or more, is `new` in `file`."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            shutil.copytree(ROOT / "include/kith/wire", root / "include/kith/wire")
            (root / "docs").mkdir()
            shutil.copy(ROOT / PAGE, root / PAGE)
            text = (root / file).read_text(encoding="utf-8")
            self.assertIn(old, text)
            (root / file).write_text(text.replace(old, new, 1), encoding="utf-8")
            return check_wire_format.check(root)

    def test_every_message_is_read(self):
        wanted = check_wire_format.expected(ROOT)
        self.assertIn("| 0x68 | `beat` | `sent_at: time` |", wanted["Messages"])
        self.assertIn("| `removal` | `member: int16, why: departure` |", wanted["Records"])
        self.assertIn("| `ttl_rule` | `cache_default 0, keep 1, given 2, unlimited 3` |",
                      wanted["Enumerations"])
        self.assertIn("| `handshake_time` | 5 s |", wanted["Bounds"])

    def test_a_row_that_is_missing(self):
        faults = self.faults(PAGE, "| 0x68 | `beat`", "0x68 `beat`")
        self.assertEqual(
            [f"{PAGE}: Messages: missing: | 0x68 | `beat` | `sent_at: time` |"], faults)

    def test_a_row_too_many(self):
        faults = self.faults(PAGE, "| 0x68 | `beat`", "| 0x69 | `drum` | `` |\n| 0x68 | `beat`")
        self.assertIn(f"{PAGE}: Messages: not as in the code: | 0x69 | `drum` | `` |", faults)

    def test_a_field_more_in_the_code(self):
        faults = self.faults(DATA, "visit(self.ticket);", "visit(self.ticket, self.ticket);")
        self.assertIn(f"{PAGE}: Messages: missing: | 0x47 | `return_ticket` | "
                      "`ticket: int64, ticket: int64` |", faults)

    def test_a_field_of_another_type(self):
        faults = self.faults(DATA, "std::uint64_t entries = 0;", "std::uint32_t entries = 0;")
        self.assertEqual(2, len(faults))
        self.assertIn("entries: int32", faults[0])

    def test_an_enumerator_and_an_opcode_more(self):
        faults = self.faults(DATA, "keep, given", "keep, some, given")
        self.assertIn("some 2, given 3", faults[0])
        faults = self.faults(OPCODES, "beat = 0x68", "beat = 0x69")
        self.assertIn("0x69", faults[0])


if __name__ == "__main__":
    unittest.main()
