#!/usr/bin/env python3
"""Compares what students were told with what their teacher gets.

Arguments: the roster, the receipts (CLASS STUDENT TIME, one a line), the exported table, the report as lines of JSON,
the journal's database. It knows these from README.md only and imports nothing of the product: every receipt is on the
sheet once and with its time, everybody else of the roster is absent, nobody is there twice.
"""

import csv
import json
import sqlite3
import sys
from collections import Counter
from datetime import datetime


def moment(text):
    """A time as milliseconds since 1970."""
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def main():
    roster_file, receipts_file, table_file, report_file, database = sys.argv[1:]
    with open(roster_file, encoding="utf-8") as file:
        roster = [line.split(";")[0] for line in file]
    with open(receipts_file, encoding="utf-8") as file:
        receipts = [line.split() for line in file]
    classes = {int(it[0]) for it in receipts}
    assert len(classes) == 1, f"receipts of several classes: {classes}"
    told = {student: moment(at) for _, student, at in receipts}
    assert len(told) == len(receipts), "a student has two receipts"
    expected = {student: ("present", told[student]) if student in told else ("absent", None) for student in roster}
    assert len(expected) == len(roster)

    with open(table_file, newline="", encoding="utf-8-sig") as file:
        table = list(csv.DictReader(file))
    check("the exported table", expected, ((it["student"], it["status"], it["at"]) for it in table))
    assert {int(it["class"]) for it in table} == classes
    assert {it["listed"] for it in table} == {"yes"}

    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    rows = connection.execute("SELECT student, status, at FROM sheet WHERE class = ?", tuple(classes))
    check("the view of the database", expected, rows)

    with open(report_file, encoding="utf-8") as file:
        report = [json.loads(line) for line in file]
    assert Counter(it["student"] for it in report) == Counter(roster), "the report has everybody once"
    for it in report:
        there = it["student"] in told
        counts = (it["of"], it["present"], it["late"], it["excused"], it["absent"], it["percent"])
        assert counts == (1, int(there), 0, 0, int(not there), 100.0 if there else 0.0), it

    there = sum(status == "present" for status, _ in expected.values())
    print(f"{len(receipts)} receipts, {there} there, {len(expected) - there} absent")


def check(what, expected, rows):
    """Compares rows of student, status and time with what is expected of each student."""
    rows = list(rows)
    twice = [student for student, count in Counter(it[0] for it in rows).items() if count > 1]
    assert not twice, f"{what}: twice: {twice}"
    found = {student: (status, moment(at) if at else None) for student, status, at in rows}
    for student in sorted(expected.keys() | found.keys()):
        wanted, has = expected.get(student), found.get(student)
        assert wanted == has, f"{what}: {student} should be {wanted} and is {has}"


if __name__ == "__main__":
    main()
