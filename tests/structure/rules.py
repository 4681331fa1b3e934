# SPDX-License-Identifier: Apache-2.0
"""The rules of the tree, each a function of a Tree that yields 'path:line: sentence'."""

import os
import re

PRODUCT = ("core", "model", "protocol", "agent", "coordinator", "cli")
PROGRAMS = ("agent", "coordinator", "cli")  # never include each other
# From the ground; a folder may include itself and what stands before it. "options" and "main" are
# the files of agent/ itself.
AGENT = ("options", "store", "platform", "resources", "capture", "plan", "health", "apply",
         "service", "main")
SOURCES = (".cpp", ".h")
SKIPPED = {"build", ".git", "__pycache__"}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)
COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/', re.S)


class Tree:
    """The files below a root, read once, by their path relative to it."""

    def __init__(self, root):
        self.files = {}
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(f for f in folders if f not in SKIPPED)
            for name in sorted(names):
                path = os.path.join(folder, name)
                if os.path.islink(path) or not has_rules(name):
                    continue
                with open(path, encoding="utf-8", errors="replace") as file:
                    self.files[os.path.relpath(path, root)] = file.read()

    def sources(self, folders, endings=SOURCES):
        for path, text in self.files.items():
            if path.split(os.sep)[0] in folders and path.endswith(endings):
                yield path, text

    def includes(self, folders):
        for path, text in self.sources(folders):
            for match in INCLUDE.finditer(text):
                yield path, line_of(text, match.start(1)), match.group(1)


def has_rules(name):
    return name == "CMakeLists.txt" or name.endswith(
        (".cpp", ".h", ".py", ".sh", ".cmake", ".capnp"))


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def agent_floor(path):
    parts = path.split("/")
    if len(parts) > 2:
        return parts[1]
    return "main" if re.search(r"(^|_)main\.(cpp|h)$", parts[-1]) else "options"


def layering(tree):
    """Arrows point down only."""
    for path, line, header in tree.includes(PRODUCT):
        source, target = path.split("/")[0], header.split("/")[0]
        where = f"{path}:{line}: "
        if target in ("tests", "bench"):
            yield f"{where}the product includes {header}"
        if target not in PRODUCT or target == source:
            continue
        if target in PROGRAMS:
            yield f"{where}{source} includes {target}"
        elif source not in PROGRAMS and PRODUCT.index(target) > PRODUCT.index(source):
            yield f"{where}{source} includes {target}, which stands above it"


def agent_layering(tree):
    for path, line, header in tree.includes(("agent",)):
        if not header.startswith("agent/"):
            continue
        floor, below = agent_floor(path), agent_floor(header)
        where = f"{path}:{line}: "
        if floor not in AGENT or below not in AGENT:
            yield f"{where}a folder of agent/ that has no floor in this test"
        elif AGENT.index(below) > AGENT.index(floor):
            yield f"{where}agent's {floor} includes {header}, which stands above it"
        elif below == "options" and floor in ("store", "platform"):
            yield f"{where}agent's {floor} includes {header}; it is told what it needs"


def third_party(tree):
    """Each library has one home."""
    notifiers = set()
    for path, line, header in tree.includes(PRODUCT):
        where = f"{path}:{line}: "
        if header.startswith("rocksdb/") and not re.match(r"(core|agent|coordinator)/store/", path):
            yield f"{where}RocksDB outside a store"
        if header.startswith("systemd/") and not path.startswith("agent/platform/"):
            notifiers.add(path)
            if header != "systemd/sd-daemon.h" or len(notifiers) > 1:
                yield f"{where}libsystemd outside agent/platform and one sd_notify file"
        if re.match(r"(zmq\.hp?p?$|zmq_|capnp/|kj/|.*\.capnp\.h$)", header):
            # The codec is several .cpp files; these two headers are only for them (docs/adr).
            if not re.match(r"protocol/(.*\.cpp|wire\.h|wire_values\.h)$", path):
                yield f"{where}ZeroMQ or Cap'n Proto outside protocol/*.cpp"
        if re.match(r"protocol/wire(_values)?\.h$", header) and not path.startswith("protocol/"):
            yield f"{where}{header} is for protocol's own files: it shows Cap'n Proto"
        if header.startswith("yaml-cpp/") and not path.startswith("core/config/"):
            yield f"{where}yaml-cpp outside core/config"


def lengths(tree):
    for path, text in tree.files.items():
        limit = 500 if path.startswith("tests/") else 200 if path.endswith(".h") else 400
        count = len(text.splitlines())
        if count > limit:
            yield f"{path}:{limit + 1}: {count} lines, {limit} are allowed"


# What may hold a brace that is none: literals, comments, directives; labels, for they end no statement.
LITERAL = re.compile(
    r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*.*?\*/'
    r"|^[ \t]*#(?:\\\n|[^\n])*|^[ \t]*(?:public|private|protected):", re.M | re.S)
MARK = re.compile(r"[(){}\[\];]")
ROOM = re.compile(r"\s*(?:template\s*<[^{]*>\s*)?(?:inline\s+)?"
                  r"(?:namespace|class|struct|union|extern)\b[^(]*$")
LONGEST_FUNCTION = 60  # lines, from the first of its head to its closing brace


def functions(code, begin, end):
    """Where each function between two positions begins and ends, in those of a namespace and of a
    class too. `code` is without literals. What ends in ';' is none: a declaration or a table."""
    start, depth, room = begin, 0, None
    for match in MARK.finditer(code, begin, end):
        mark, at = match.group(), match.start()
        if mark in "([{":
            if depth == 0 and mark == "{" and ROOM.match(code, start, at):
                room = at + 1
            depth += 1
            continue
        depth -= mark != ";"
        if depth > 0 or mark in ")]":
            continue
        if room is not None:
            yield from functions(code, room, at)
        elif mark == "}":
            # A member's initializer, a table or a lambda that is called: not the end yet.
            if re.match(r"\s*[,;({)]", code[at + 1:at + 200]):
                continue
            yield re.compile(r"\s*").match(code, start).end(), at
        start, room = at + 1, None


def function_lengths(tree):
    for path, text in tree.sources(PRODUCT + ("tests", "bench")):
        code = LITERAL.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
        for begin, end in functions(code, 0, len(code)):
            first = line_of(code, begin)
            count = line_of(code, end) - first + 1
            if count > LONGEST_FUNCTION:
                yield f"{path}:{first}: a function of {count} lines, {LONGEST_FUNCTION} are allowed"


def targets(tree):
    """What no CMakeLists.txt names is neither built nor run."""
    named = set()
    for path, text in tree.files.items():
        if os.path.basename(path) != "CMakeLists.txt":
            continue
        text = re.sub(r"#[^\n]*", "", text)
        for name in re.findall(r"[\w./${}-]+\.cpp", text):
            name = name.replace("${CMAKE_CURRENT_SOURCE_DIR}/", "")
            inside = "" if name.startswith("${CMAKE_SOURCE_DIR}/") else os.path.dirname(path)
            name = name.replace("${CMAKE_SOURCE_DIR}/", "")
            named.add(os.path.normpath(os.path.join(inside, name)))
    for path in tree.files:
        wanted = path.endswith("_test.cpp") if path.startswith("tests/") else path.endswith(".cpp")
        if wanted and path not in named:
            yield f"{path}:1: no CMakeLists.txt names this file"


def licences(tree):
    for path, text in tree.files.items():
        if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.split("\n")[:2]):
            yield f"{path}:1: no SPDX line at the top"


def code_only(path, text):
    """Comments blanked, lines kept."""
    if path.endswith(".py"):
        return re.sub(r"#[^\n]*", "", text)
    return COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


SHELL = re.compile(r'(?<![\w.>])(?:std::|::)?(?:system|popen)\s*\(|\bsh -c\b|\b(?:ba|da)?sh"\s*,\s*"-l?c"')
SLEEP = re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(")


def shells(tree):
    for path, text in tree.sources(PRODUCT):
        code = code_only(path, text)
        for match in SHELL.finditer(code):
            yield f"{path}:{line_of(code, match.start())}: a shell; run argv instead"


# What can change a host, and who holds it: those who carry a run out, take it back or end a deploy.
# Plans, checks and staging do not, and so no dry run does.
CHANGES = re.compile(r"\b(Live|LiveFiles|(?:Sd)?ServiceManager|ChangeRunner|TransientUnitRunner|ComposeEngine)\b"
                     r"|\bread_only_root = false\b")
CHANGERS = re.compile(
    r"agent/((recover_)?main|platform/(sd_)?service_manager|platform/(program_runner|transient_unit)|"
    r"resources/compose_engine|apply/(live|commit|undo|recovery|unit_work|project_work|activation|traffic|"
    r"execute|interrupted|deploy|deploy_end|rollback))\.(cpp|h)$")


def changes(tree):
    for path, text in tree.sources(("agent",)):
        if CHANGERS.match(path):
            continue
        code = code_only(path, text)
        for match in CHANGES.finditer(code):
            yield (f"{path}:{line_of(code, match.start())}: {match.group()} changes a host; "
                   "a plan, a check and staging do without")


# A pace, not a wait: each loop has a deadline and ends with its event.
PACED = {
    "tests/fleet/hosts/process.py": "poll_until, the one poll of the suites on real hosts",
    "tests/agent/platform/probes_test.cpp": "a peer that drips bytes until it is hung up on",
    "tests/agent/platform/real_systemd.h": "systemd tells nobody of what it has not done yet",
}


def sleeps(tree):
    for path, text in tree.sources(PRODUCT + ("tests",), SOURCES + (".py",)):
        if path in PACED or path.startswith(("tests/structure/", "tests/fleet/shop/")):
            continue
        code = code_only(path, text)
        for match in SLEEP.finditer(code):
            yield f"{path}:{line_of(code, match.start())}: a sleep; wait for the event with a deadline"


RULES = (layering, agent_layering, third_party, lengths, function_lengths, targets, licences, shells, changes, sleeps)
