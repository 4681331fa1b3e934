# SPDX-License-Identifier: Apache-2.0
"""Ten releases of a program as a team ships them: rebuilt binaries, configuration, assets, a table of data.

Three programs of the modules below are linked statically, with libraries as large as real ones bring in, and
stripped. Each release edits some modules, adds a function here and there and twice a member to a structure that all
of them use: code moves and addresses change as in any rebuild. Everything is drawn from one seed, so the series is
the same on every machine that has the same compiler and libraries.
"""
import concurrent.futures
import gzip
import hashlib
import json
import os
import random
import shutil
from pathlib import Path

from hosts.image import building, cache_lock, digest, talk
from hosts.process import run

from .trees import bench_cache

RELEASES = 10
MODULES = 12
SEED = "rollbackctl bench 2"  # another one makes another series: raise it with each change of what is made
FLAGS = ["-std=c++20", "-O2", "-fPIE", "-c"]
# program: its modules and libraries
PROGRAMS = {"shopd": (range(12), ["-lrocksdb", "-lzstd", "-llz4", "-lsnappy", "-lbz2", "-lz", "-lcrypto", "-lpthread", "-ldl"]),
            "shop-worker": (range(4, 12), ["-lssl", "-lcrypto", "-lz", "-lpthread", "-ldl"]),
            "shopctl": (range(6), [])}
# What the libraries are linked for; a linker takes from an archive only what is asked for.
USES = {"shopd": "#include <rocksdb/db.h>\nint library() { rocksdb::DB* db = nullptr; "
                 "return rocksdb::DB::Open({}, \"/nowhere\", &db).ok(); }\n",
        "shop-worker": "#include <openssl/ssl.h>\nint library() { return SSL_CTX_new(TLS_method()) != nullptr; }\n",
        "shopctl": "int library() { return 0; }\n"}
MTIME = 1_700_000_000  # of the first release; one hour later for each


class Sources:
    """The text of the program, edited from release to release."""

    def __init__(self, dice):
        self.dice, self.members = dice, 6
        self.functions = [[self._function(module, number) for number in range(12)] for module in range(MODULES)]

    def _function(self, module, number):
        dice = self.dice
        steps = "\n".join(
            f"  if (order.member{dice.randrange(6)} % {dice.randrange(2, 900)} == {dice.randrange(2)}) "
            f"table[\"{dice.randrange(1 << 40):x}\"] += order.member{dice.randrange(6)} * {dice.randrange(1, 1 << 20)};\n"
            f"  else names.push_back(order.name + \"{' '.join(f'{dice.randrange(1 << 24):x}' for _ in range(3))}\");"
            for _ in range(dice.randrange(3, 12)))
        return (f"long m{module}_f{number}(Order& order, std::map<std::string, long>& table) {{\n"
                f"  std::vector<std::string> names;\n{steps}\n  std::sort(names.begin(), names.end());\n"
                f"  std::ostringstream out;\n  for (const auto& name : names) out << name << table.size();\n"
                f"  order.name = out.str();\n  return std::accumulate(table.begin(), table.end(), 0L, "
                f"[](long sum, const auto& each) {{ return sum + each.second; }});\n}}\n")

    def edit(self, release):
        """Two or three modules: a function is rewritten, a function is new; the structure grows in releases 4 and 8."""
        for module in self.dice.sample(range(MODULES), self.dice.randrange(2, 4)):
            functions = self.functions[module]
            place = self.dice.randrange(len(functions))
            functions[place] = self._function(module, place)
            functions.append(self._function(module, len(functions)))
        self.members += release in (4, 8)

    def texts(self, release):
        members = " ".join(f"long member{number} = {number};" for number in range(self.members))
        head = ("#include <algorithm>\n#include <map>\n#include <numeric>\n#include <sstream>\n#include <string>\n"
                f"#include <vector>\nstruct Order {{ std::string name; {members} long total = 0; }};\n")
        for module, functions in enumerate(self.functions):
            calls = "".join(f"  order.total += m{module}_f{number}(order, table);\n" for number in range(len(functions)))
            yield f"module{module}", (f"{head}{''.join(functions)}\nlong module{module}(Order& order) {{\n"
                                      f"  std::map<std::string, long> table;\n{calls}  return order.total;\n}}\n")
        for program, (modules, _) in PROGRAMS.items():
            declared = "".join(f"long module{module}(Order&);\n" for module in modules)
            sums = "".join(f"  module{module}(order);\n" for module in modules)
            yield program, (f"{head}{USES[program]}{declared}const char* const kVersion = \"v1.{release}.0\";\n"
                            f"int main(int argc, char**) {{\n  Order order;\n  order.name = kVersion;\n{sums}"
                            f"  return static_cast<int>(order.total) + (argc > 9 ? library() : 0);\n}}\n")


def compiled(text, folder):
    """Path of the object of `text`, compiled once."""
    name = hashlib.sha256(text.encode()).hexdigest()
    source, target = folder / f"{name}.cpp", folder / f"{name}.o"
    if not target.exists():
        source.write_text(text, encoding="utf-8")
        # Its name appears in no object, and the seed keeps names of internal symbols the same.
        run("g++", *FLAGS, "-frandom-seed=bench", "-o", target, source)
    return target


def link(objects, program, target):
    modules, libraries = PROGRAMS[program]
    inputs = [objects[program], *(objects[f"module{module}"] for module in modules)]
    run("g++", "-static", "-s", "-Wl,--build-id=sha1", "-o", target, *inputs, *libraries)


class Files:
    """What is beside the binaries: small configuration, packed images, one table of data, one packed bundle."""

    def __init__(self, dice):
        self.dice = dice
        self.texts = {f"etc/part{number // 20}/{number}.json": self._settings() for number in range(300)}
        self.images = {f"share/images/{number}.png": dice.randbytes(dice.randrange(40_000, 300_000)) for number in range(24)}
        self.rows = [self._row() for _ in range(60_000)]

    def _settings(self):
        return {f"key{self.dice.randrange(1 << 20):x}": self.dice.randrange(1 << 30) for _ in range(self.dice.randrange(5, 120))}

    def _row(self):
        return f"{self.dice.randrange(1 << 30)},{self.dice.randrange(1 << 16):x},{self.dice.choice(('new', 'sold', 'lost'))}\n"

    def edit(self):
        for name in self.dice.sample(sorted(self.texts), 12):
            self.texts[name] = self.texts[name] | self._settings()
        self.images[self.dice.choice(sorted(self.images))] = self.dice.randbytes(self.dice.randrange(40_000, 300_000))
        for _ in range(40):
            self.rows[self.dice.randrange(len(self.rows))] = self._row()
        self.rows += [self._row() for _ in range(200)]

    def contents(self):
        for name, settings in self.texts.items():
            yield name, json.dumps(settings, indent=1).encode()
        yield from self.images.items()
        yield "share/table.csv", "".join(self.rows).encode()
        yield "share/bundle.js.gz", gzip.compress(b"".join(json.dumps(text).encode() for text in self.texts.values()), mtime=0)


def put(path, content, previous, when):
    """A file as a deployment tool leaves it: what did not change keeps its time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if previous and previous.exists() and previous.read_bytes() == content:
        when = previous.stat().st_mtime
    os.utime(path, (when, when))


def build(target, objects):
    dice = random.Random(SEED)
    sources, files, previous = Sources(dice), Files(dice), None
    for release in range(1, RELEASES + 1):
        folder, when = target / f"v1.{release}.0", MTIME + release * 3600
        if release > 1:
            sources.edit(release)
            files.edit()
        texts = dict(sources.texts(release))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            built = dict(zip(texts, pool.map(lambda text: compiled(text, objects), texts.values())))
        for program in PROGRAMS:
            link(built, program, objects / program)
            put(folder / "bin" / program, (objects / program).read_bytes(), previous and previous / "bin" / program, when)
            (folder / "bin" / program).chmod(0o755)
        for name, content in files.contents():
            put(folder / name, content, previous and previous / name, when)
        previous = folder
        talk(f"release {release} of {RELEASES} is built")


def releases():
    """Directories of the releases in their order, built when the cache has none of this making."""
    compiler = run("g++", "-dumpfullversion").stdout.strip()
    cache = bench_cache("series")
    final = cache / f"releases-{digest(SEED, compiler)}"
    with cache_lock(cache):
        if not final.is_dir():
            talk("building ten releases of a program (once) ...")
            with building(final) as partial:
                objects = partial / ".objects"
                objects.mkdir(parents=True)
                build(partial, objects)
                shutil.rmtree(objects)
    return sorted(final.iterdir(), key=lambda folder: int(folder.name.split(".")[1]))
