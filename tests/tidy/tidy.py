#!/usr/bin/env python3
"""Rules about the source that no compiler checks. Standard library only.

    tests/tidy/tidy.py CHECK...      layering third_party purity length format oracle readme links paths shell
                                     mutations
    tests/tidy/tidy.py all
    tests/tidy/tidy.py lengths       prints what lengths.txt should say now

Exit code 0: all kept; 1: broken, with file, line and what to do; 77: cannot be checked here (says why).
"""

import os
import pathlib
import re
import runpy
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROCESSOR = ROOT / "processor"

# A folder may include itself and what is listed. The order is that of dependence.
LAYERS = {
    "base": [],
    "ports": ["base"],
    "core": ["base", "ports"],
    "codec": ["base", "ports", "core"],
    "kafka": ["base", "ports", "core", "codec"],
    "redis": ["base", "ports", "core", "codec"],
    "icu": ["base", "ports", "core", "codec"],
    "memory": ["base", "ports", "core", "codec"],
    "app": ["base", "ports", "core", "codec", "kafka", "redis", "icu", "memory"],
    "http": ["base", "ports", "core", "codec", "kafka", "redis", "icu", "memory", "app"],
    "cli": ["base", "ports", "core", "codec", "kafka", "redis", "icu", "memory", "app", "http"],
    ".": ["base", "ports", "core", "codec", "kafka", "redis", "icu", "memory", "app", "http", "cli"],
}

# The headers of others, and the only folders of processor/ that may include them.
THIRD_PARTY = {
    "librdkafka/": ["kafka"],
    "curl/": ["kafka"],
    "hiredis/": ["redis"],
    "unicode/": ["icu"],
    "microhttpd": ["http"],
    "re2/": ["core"],
    "yaml.h": ["codec"],
    "cyaml/": ["codec"],
    "jansson.h": [],
    "avro": [],
    "simdjson": ["codec"],
}
# Neither the clock nor I/O nor threads: what the pure part may not include or call.
IMPURE_HEADERS = ("time.h", "sys/", "unistd.h", "fcntl.h", "pthread.h", "threads.h", "netinet/", "poll.h", "signal.h")
IMPURE_CALLS = re.compile(
    r"\b(time|clock_gettime|gettimeofday|fopen|open|read|write|printf|puts|getenv|rand|random|getrandom|usleep|nanosleep)\(")

MAX_LINES = 520
LENGTHS = ROOT / "tests" / "tidy" / "lengths.txt"


class Skip(Exception):
    pass


def sources(folder, *suffixes):
    return sorted(path for path in folder.rglob("*") if path.suffix in suffixes and path.is_file())


def place(path, line=None):
    return f"{path.relative_to(ROOT)}" + (f":{line}" if line else "")


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found.group(1) == "<", found.group(2)


def layer_of(path):
    inside = path.relative_to(PROCESSOR).parts
    return inside[0] if len(inside) > 1 else "."


def check_layering():
    broken = []
    for path in sources(PROCESSOR, ".c", ".h", ".cc", ".def"):
        layer = layer_of(path)
        if layer not in LAYERS:
            broken.append(f"{place(path)}: processor/{layer}/ is not in the order of layers; add it in tests/tidy/tidy.py")
            continue
        for number, system, name in includes(path):
            if system:
                continue
            if not (PROCESSOR / name).is_file():
                broken.append(f"{place(path, number)}: \"{name}\" is not written from processor/")
                continue
            target = name.split("/")[0] if "/" in name else "."
            if target != layer and target not in LAYERS[layer]:
                broken.append(f"{place(path, number)}: {layer} may not include \"{name}\"; "
                              f"it may use: {', '.join(LAYERS[layer]) or 'nothing'}")
    return broken


def check_third_party():
    broken = []
    for path in sources(PROCESSOR, ".c", ".h", ".cc"):
        layer = layer_of(path)
        for number, system, name in includes(path):
            for prefix, allowed in THIRD_PARTY.items():
                if system and name.startswith(prefix) and layer not in allowed:
                    broken.append(f"{place(path, number)}: <{name}> belongs in "
                                  f"{' or '.join(f'processor/{folder}' for folder in allowed) or 'tests and tools'} "
                                  f"alone, behind a port or a header of ours")
    return broken


def without_comments_and_strings(text):
    def blank(found):
        return re.sub(r"[^\n]", " ", found.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def check_purity():
    broken = []
    for path in sources(PROCESSOR / "core", ".c", ".h"):
        for number, system, name in includes(path):
            if system and name.startswith(IMPURE_HEADERS):
                broken.append(f"{place(path, number)}: core is pure, <{name}> is not; take the value as an argument")
        for number, line in enumerate(without_comments_and_strings(path.read_text()).splitlines(), 1):
            found = IMPURE_CALLS.search(line)
            if found and "->" not in line[:found.start()][-2:] and line[:found.start()][-1:] != ".":
                broken.append(f"{place(path, number)}: core is pure, {found.group(1)}() is not")
    return broken


def line_counts():
    counted = {}
    for folder in ("processor", "tests", "tools"):
        for path in sources(ROOT / folder, ".c", ".h", ".cc", ".py", ".sh"):
            counted[place(path)] = len(path.read_text().splitlines())
    return counted


def check_length():
    """A ratchet: files over the limit are listed with their length, which may only go down."""
    listed = {}
    for line in LENGTHS.read_text().splitlines():
        if line and not line.startswith("#"):
            name, count = line.rsplit(" ", 1)
            listed[name] = int(count)
    broken = []
    for name, count in line_counts().items():
        if count > max(MAX_LINES, listed.get(name, 0)):
            broken.append(f"{name}: {count} lines, at most {max(MAX_LINES, listed.get(name, 0))}; split it by what it knows")
        elif name in listed and count < listed[name]:
            broken.append(f"{name}: has become shorter ({count} lines), well done; "
                          f"{'lower its number' if count > MAX_LINES else 'take it'} in tests/tidy/lengths.txt"
                          f"{'' if count > MAX_LINES else ' out'}")
    broken += [f"{name}: is in tests/tidy/lengths.txt but not in the repository" for name in listed
               if not (ROOT / name).is_file()]
    return broken


def check_format():
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if tool is None:
        raise Skip("clang-format is not installed")
    version = subprocess.run([tool, "--version"], text=True, capture_output=True).stdout
    if "version 14." not in version:
        raise Skip(f"the format is that of clang-format 14, here is {version.strip()}")
    files = [path for folder in ("processor", "tests", "tools") for path in sources(ROOT / folder, ".c", ".h", ".cc")]
    done = subprocess.run([tool, "--dry-run", "--Werror", *files], text=True, capture_output=True, cwd=ROOT)
    if done.returncode == 0:
        return []
    names = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", done.stderr, flags=re.M)))
    return [f"{os.path.relpath(name, ROOT)}: run clang-format -i on it" for name in names] or [done.stderr]


def check_oracle():
    """What judges the processor may share nothing with it, or it would share its mistakes."""
    broken = []
    judges = [path for path in sources(ROOT / "tests", ".py", ".c", ".h")
              if "oracle" in path.name or path.parent.name == "model"]
    if not judges:
        broken.append("tests/: no oracle found, this check has lost its object")
    for path in judges:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if path.suffix == ".py":
                if re.match(r"\s*(import|from)\s+harness\b", line):
                    broken.append(f"{place(path, number)}: the oracle uses the standard library only")
                if re.search(r"\bprocessor[/.]|ctypes|subprocess", line):
                    broken.append(f"{place(path, number)}: the oracle may use nothing of processor/")
        if path.suffix in (".c", ".h"):
            for number, system, name in includes(path):
                if not system and (PROCESSOR / name).is_file():
                    broken.append(f"{place(path, number)}: the oracle may include nothing of processor/ (\"{name}\")")
    return broken


def code_blocks(path):
    inside = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("```"):
            inside = not inside
        elif inside or line.startswith("    "):
            yield number, line.strip()


def known_commands():
    text = "".join(path.read_text() for folder in ("cli", ".") for path in sorted((PROCESSOR / folder).glob("*.[ch]")))
    return set(re.findall(r'"([a-z]+)[ "]', text))


def check_readme():
    """Commands that a reader is told to run exist: scripts with their folder, subcommands of declic."""
    broken = []
    known = known_commands()
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        if not path.is_file():
            broken.append(f"{place(path)}: missing")
            continue
        for number, line in code_blocks(path):
            for script in re.findall(r"(?:^|\s)((?:tools|tests|examples)/[\w./-]+)", line):
                target = ROOT / script
                if not target.exists() and not (script.startswith("tools/kafka-io")):
                    broken.append(f"{place(path, number)}: {script} does not exist")
            for command in re.findall(r"(?:^|\s|/)declic ([a-z]+)", line):
                if command not in known:
                    broken.append(f"{place(path, number)}: declic has no command '{command}'")
    return broken


def markdown_files():
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, text=True, capture_output=True)
    return [ROOT / name for name in listed.stdout.splitlines()]


def check_links():
    broken = []
    for path in markdown_files():
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
                if "://" not in target and not target.startswith("mailto:") and not (path.parent / target).exists():
                    broken.append(f"{place(path, number)}: the link to {target} leads nowhere")
    return broken


def check_paths():
    """No path of somebody's own machine."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True).stdout.splitlines()
    broken = []
    for name in listed:
        path = ROOT / name
        if path.suffix in (".bin", ".png") or not path.is_file() or "corpus" in path.parts:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if re.search(r"(?<![\w.])/(?:root|home/\w+|Users/\w+)/", line):
                broken.append(f"{place(path, number)}: a path of one machine")
    return broken


def check_shell():
    tool = shutil.which("shellcheck")
    if tool is None:
        raise Skip("shellcheck is not installed")
    scripts = [path for path in [ROOT / ".ci" / "run", *sources(ROOT / "tools", ".sh", ""), *sources(ROOT / "tests", ".sh", ""),
                                 *sources(ROOT / "examples", "")]
               if path.is_file() and re.match(r"#(!.*\bbash| shellcheck shell=bash)", path.read_text(errors="replace").split("\n")[0])]
    done = subprocess.run([tool, "-x", "-P", "tools:tests:SCRIPTDIR", *scripts], text=True, capture_output=True, cwd=ROOT)
    return [] if done.returncode == 0 else [done.stdout + done.stderr]


def check_mutations():
    """Each of tests/sim/mutations and tests/stories/mutations fits the sources as they are."""
    if shutil.which("git") is None:
        raise Skip("git is not installed")
    broken = []
    for patch in sorted((ROOT / "tests" / "sim" / "mutations").glob("*.patch")):
        applied = subprocess.run(["git", "apply", "--check", patch], cwd=ROOT, text=True, capture_output=True, check=False)
        if applied.returncode != 0:
            why = applied.stderr.strip().replace("\n", "; ")
            broken.append(f"{patch.relative_to(ROOT)}:1: {why}: make the same change to the sources as they are")
    for change in runpy.run_path(str(ROOT / "tests" / "stories" / "mutate"))["changes"]():
        if "\n".join(change["-"]) not in (ROOT / change["file"]).read_text():
            broken.append(f"tests/stories/mutations: {change['story']}: {change['file']} has no such lines (any more)")
    return broken


CHECKS = {name.removeprefix("check_"): function for name, function in sorted(globals().items())
          if name.startswith("check_")}


def main(names):
    if names == ["lengths"]:
        for name, count in sorted(line_counts().items()):
            if count > MAX_LINES:
                print(f"{name} {count}")
        return 0
    if names == ["all"]:
        names = list(CHECKS)
    if not names or any(name not in CHECKS for name in names):
        print(__doc__, file=sys.stderr)
        return 2
    code = 0
    for name in names:
        try:
            broken = CHECKS[name]()
        except Skip as why:
            print(f"{name}: skipped: {why}")
            code = max(code, 77) if len(names) == 1 else code
            continue
        for line in broken:
            print(line)
        print(f"{name}: {'kept' if not broken else f'{len(broken)} broken'}")
        if broken:
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
