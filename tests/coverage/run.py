#!/usr/bin/env python3
"""Shows that the tests of each rule execute the code that keeps it.

A rule of proto-spec.md is named above the line that keeps it (`// R-PULL-4` in src/) and above the
tests that prove it (`// spec: R-PULL-4`); tests/citations.rs holds that both are there. This builds
everything with `-C instrument-coverage`, runs each citing test alone, with the programs that it
starts, and looks whether the lines below the rule's name were executed by one of them. As
awslabs/duvet does for s2n-quic.

    tests/coverage/run.py            all rules; writes docs/rules.md; exit 1 if a line is not reached
    tests/coverage/run.py R-PULL-4   only these rules; writes nothing

Needs the LLVM tools of the same major version as rustc's LLVM (`apt-get install llvm-22` for Rust
1.95, or `rustup component add llvm-tools`); without them it says "skipped" and why.
"""

import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "target" / "coverage"
SECONDS_MAX = 900
RULE = re.compile(r"^\*\*(R-[A-Z]+-\d+)\*\* (.*)$")
TEST = re.compile(r"\s*(?:async )?fn (\w+)\s*\(")
FUNCTION = re.compile(r"\s*(?:pub(?:\([a-z]+\))? )?(?:const |async )?fn (\w+)")


def tools():
    """The paths of llvm-profdata and llvm-cov that fit rustc, or why there are none."""
    about = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    major = re.search(r"LLVM version: (\d+)", about)[1]
    host = re.search(r"host: (\S+)", about)[1]
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True)
    beside = Path(sysroot.stdout.strip()) / "lib" / "rustlib" / host / "bin"
    found = []
    for name in ["llvm-profdata", "llvm-cov"]:
        at = next((it for it in [shutil.which(f"{name}-{major}"), beside / name] if it and Path(it).exists()), None)
        if at is None:
            return None, f"no {name} of LLVM {major}: apt-get install llvm-{major}, or rustup component add llvm-tools"
        found.append(str(at))
    return found, None


def rules():
    lines = (ROOT / "proto-spec.md").read_text().splitlines()
    return [match[1] for match in map(RULE.match, lines) if match]


def sources(*folders):
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.rs"))


def places():
    """For each rule the lines that keep it: (file, line, function)."""
    found = defaultdict(list)
    for path in sources("src", "relay/src"):
        if path.name == "tests.rs":
            continue
        lines = path.read_text().split("#[cfg(test)]\nmod tests")[0].splitlines()
        function = "-"
        for at, line in enumerate(lines):
            if match := FUNCTION.match(line):
                function = match[1]
            if line.strip().startswith("// R-"):
                below = next(it for it in range(at + 1, len(lines)) if not lines[it].strip().startswith("//"))
                holder = FUNCTION.match(lines[below])
                name = holder[1] if holder else function
                for rule in line.strip()[3:].split(", "):
                    found[rule].append((str(path.relative_to(ROOT)), below + 1, name))
    return found


def citing():
    """For each rule the tests that cite it: (file, test)."""
    found = defaultdict(list)
    for path in sources("src", "tests", "relay"):
        lines = path.read_text().splitlines()
        for at, line in enumerate(lines):
            if line.strip().startswith("// spec: "):
                name = next(TEST.match(it)[1] for it in lines[at:] if TEST.match(it))
                for rule in line.strip()[9:].split(", "):
                    found[rule].append((str(path.relative_to(ROOT)), name))
    return found


def build():
    """Builds all with coverage: the executables by source file, and the programs."""
    # The counters are a mapped file (%c below), so that those of a process that is killed are kept.
    flags = os.environ.get("RUSTFLAGS", "") + " -C instrument-coverage -C llvm-args=-runtime-counter-relocation"
    environment = os.environ | {"RUSTFLAGS": flags, "CARGO_TARGET_DIR": str(TARGET),
                                "LLVM_PROFILE_FILE": "/dev/null"}
    command = ["cargo", "test", "--locked", "--no-run", "--message-format=json", "--lib", "--bins", "--tests"]
    built = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        sys.exit("the build with coverage failed")
    tests, programs = {}, []
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") != "compiler-artifact" or not message.get("executable"):
            continue
        source = str(Path(message["target"]["src_path"]).relative_to(ROOT))
        if message["profile"]["test"]:
            tests[source] = message["executable"]
        else:
            programs.append(message["executable"])
    return tests, programs


def listed(binary):
    """The whole names of the tests in an executable."""
    told = subprocess.run([binary, "--list"], cwd=ROOT, capture_output=True, text=True,
                          env=os.environ | {"LLVM_PROFILE_FILE": "/dev/null"}).stdout
    return [line.removesuffix(": test") for line in told.splitlines() if line.endswith(": test")]


def locate(tests, file, name):
    """The executable of a citing test, and the test's whole name in it."""
    if file.startswith("src/"):
        binary = tests["src/lib.rs"]
        module = file.removeprefix("src/").removesuffix(".rs").removesuffix("/mod").removesuffix("/tests").replace("/", "::")
        # A file may be a module of tests itself.
        names = [f"{module}::tests::{name}", f"{module}::{name}"]
        return binary, next(it for it in listed(binary) if it in names)
    parts = Path(file).parts
    root = file if len(parts) == 2 else f"tests/{parts[1]}/main.rs"
    binary = tests[root]
    return binary, next(it for it in listed(binary) if it == name or it.endswith("::" + name))


def run(tests, programs, found_tools, test):
    """Runs one test alone: the lines of src/ that it executed, or why that is not known."""
    profdata, cov = found_tools
    binary, name = locate(tests, *test)
    with tempfile.TemporaryDirectory(dir=TARGET) as folder:
        environment = os.environ | {"LLVM_PROFILE_FILE": f"{folder}/%p-%m%c.profraw"}
        try:
            ran = subprocess.run([binary, "--exact", name, "--nocapture"], cwd=ROOT, env=environment,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            return None, f"took more than {SECONDS_MAX} s"
        output = ran.stdout.decode(errors="replace")
        if skipped := re.search(r"skipped: .*", output):
            return None, skipped[0]
        if ran.returncode != 0 or "1 passed" not in output:
            return None, "did not pass alone"
        # A process that was killed while it began leaves an empty file.
        raw = [it for it in Path(folder).glob("*.profraw") if it.stat().st_size > 0]
        merged = f"{folder}/merged"
        subprocess.run([profdata, "merge", "--failure-mode=all", "-sparse", "-o", merged, *raw],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        objects = [it for program in programs if len(raw) > 1 for it in ["-object", program]]
        exported = subprocess.run([cov, "export", "-format=lcov", f"-instr-profile={merged}", binary,
                                   *objects, "-sources", str(ROOT / "src")],
                                  check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    counts, file = {}, None
    for line in exported.stdout.splitlines():
        if line.startswith("SF:"):
            file = str(Path(line[3:]).relative_to(ROOT))
        elif line.startswith("DA:"):
            number, count = line[3:].split(",")[:2]
            counts[file, int(number)] = counts.get((file, int(number)), 0) + int(count)
    return counts, None


def reached(counts, place):
    """Whether the statement that begins at this line was executed; None if it is not code that runs."""
    file, line, _ = place
    for number in range(line, line + 3):
        if (file, number) in counts:
            return counts[file, number] > 0
    return None


def main():
    found_tools, reason = tools()
    if found_tools is None:
        print(f"skipped: {reason}")
        return 0
    every, kept, cited = rules(), places(), citing()
    wanted = sys.argv[1:] or every
    TARGET.mkdir(parents=True, exist_ok=True)
    tests, programs = build()
    to_run = sorted({test for rule in wanted for test in cited[rule]})
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(lambda it: run(tests, programs, found_tools, it), to_run))
    ran = dict(zip(to_run, results))
    complaints, rows, shown, lines = [], [], 0, 0
    for test, (_, why) in ran.items():
        if why:
            complaints.append(f"{test[0]} {test[1]}: {why}")
    for rule in wanted:
        is_shown = True
        by = set()
        for place in kept[rule]:
            states = {test: reached(ran[test][0], place) for test in cited[rule] if ran[test][0] is not None}
            lines += 1
            by |= {test for test, state in states.items() if state}
            if not any(states.values()) and (not states or set(states.values()) != {None}):
                is_shown = False
                complaints.append(f"{rule}: {place[0]}:{place[1]} ({place[2]}) is not reached by its tests")
        shown += is_shown
        code = ", ".join(dict.fromkeys(f"`{file}` {function}" for file, _, function in kept[rule]))
        proof = ", ".join(f"`{file}` {name}" for file, name in sorted(by))
        rows.append(f"| {rule} | {code} | {proof} |")
    summary = (f"{shown} of {len(wanted)} rules: every one of the lines that name them ({lines}) is executed "
               f"by a test that cites the rule; {len(to_run)} tests, each run alone.")
    print("\n".join(complaints))
    print(summary)
    if not sys.argv[1:]:
        text = "\n".join([
            "# Rules, code and tests", "",
            "Written by `tests/coverage/run.py`, which says what it does; `tests/citations.rs` holds with every",
            "run of the tests that no rule is without either.", "",
            summary, "",
            *(["Not shown:", "", *(f"- {it}" for it in complaints), ""] if complaints else []),
            "| rule | is kept in | and executed by |", "|---|---|---|", *rows, ""])
        (ROOT / "docs" / "rules.md").write_text(text)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
