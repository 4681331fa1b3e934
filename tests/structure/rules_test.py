#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every rule finds a violation planted for it, and nothing in a tree that keeps it."""

import os
import tempfile
import unittest

import rules

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"


class RulesTest(unittest.TestCase):
    def found(self, rule, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return list(rule(rules.Tree(root)))

    def refuses(self, rule, path, text):
        found = self.found(rule, {path: text})
        self.assertEqual(len(found), 1, f"{path}: {text!r} gave {found}")
        self.assertTrue(found[0].startswith(path + ":"), found)

    def accepts(self, rule, path, text):
        self.assertEqual(self.found(rule, {path: text}), [])

    def test_layering(self):
        refused = (("core/a.cpp", "model/b.h"), ("model/a.h", "protocol/b.h"),
                   ("protocol/a.cpp", "agent/b.h"), ("agent/x/a.cpp", "coordinator/b.h"),
                   ("cli/a.cpp", "agent/options.h"), ("coordinator/a.cpp", "cli/b.h"),
                   ("core/a.cpp", "tests/support/b.h"), ("agent/a.cpp", "bench/b.h"))
        for path, header in refused:
            self.refuses(rules.layering, path, f'#include "{header}"\n')
        for path, header in (("agent/x/a.cpp", "core/b.h"), ("cli/a.cpp", "protocol/b.h"),
                             ("protocol/a.cpp", "model/b.h"), ("tests/a_test.cpp", "cli/b.h")):
            self.accepts(rules.layering, path, f'#include "{header}"\n')

    def test_agent_layering(self):
        refused = (("store/a.cpp", "resources/b.h"), ("resources/a.cpp", "capture/b.h"),
                   ("health/a.cpp", "apply/b.h"), ("apply/a.cpp", "service/b.h"),
                   ("plan/a.cpp", "health/b.h"), ("store/a.cpp", "options.h"),
                   ("platform/a.cpp", "options.h"), ("options.cpp", "resources/b.h"),
                   ("unheard/a.cpp", "store/b.h"))
        for path, header in refused:
            self.refuses(rules.agent_layering, "agent/" + path, f'#include "agent/{header}"\n')
        accepted = (("resources/a.cpp", "options.h"), ("service/a.cpp", "apply/b.h"),
                    ("main.cpp", "service/b.h"), ("recover_main.cpp", "apply/b.h"),
                    ("plan/a.cpp", "plan/b.h"), ("capture/a.cpp", "store/b.h"))
        for path, header in accepted:
            self.accepts(rules.agent_layering, "agent/" + path, f'#include "agent/{header}"\n')

    def test_third_party(self):
        refused = (("agent/apply/a.cpp", "rocksdb/db.h"), ("coordinator/a.cpp", "systemd/sd-bus.h"),
                   ("protocol/a.h", "zmq.hpp"), ("agent/service/a.cpp", "zmq.h"),
                   ("cli/a.cpp", "capnp/message.h"), ("model/a.cpp", "x.capnp.h"),
                   ("agent/options.cpp", "yaml-cpp/yaml.h"))
        for path, header in refused:
            self.refuses(rules.third_party, path, f"#include <{header}>\n")
        for path, header in (("agent/store/a.cpp", "rocksdb/db.h"), ("protocol/a.cpp", "zmq.h"),
                             ("agent/platform/a.cpp", "systemd/sd-bus.h"),
                             ("core/config/a.cpp", "yaml-cpp/yaml.h"),
                             ("coordinator/service/notify.cpp", "systemd/sd-daemon.h")):
            self.accepts(rules.third_party, path, f"#include <{header}>\n")
        notify = "#include <systemd/sd-daemon.h>\n"
        found = self.found(rules.third_party, {"cli/a.cpp": notify, "coordinator/b.cpp": notify})
        self.assertEqual(len(found), 1)

    def test_lengths(self):
        for path, limit in (("core/a.cpp", 400), ("core/a.h", 200), ("tests/a_test.cpp", 500)):
            self.accepts(rules.lengths, path, "\n" * limit)
            self.refuses(rules.lengths, path, "\n" * (limit + 1))

    def test_function_lengths(self):
        heads = ("int f() {", "int\nA::f(int a,\n     int b) const {", "TEST(A, b) {",
                 "A::A(int a)\n    : a_{a}, b_([] { return 1; }), c_{} {",
                 "template <typename T>\nauto f(T t) -> T {", "struct stat f() {",
                 "int f() {\n  if (x) {\n    y();\n  }")
        rooms = ("{}", "namespace a {{\n\nnamespace {{\n\n{}\n}}\n}}  // namespace a",
                 "class A final : public B {{\n public:\n  int a = 1;\n\n{}\n\n private:\n  int b_;\n}};",
                 "template <typename... T>\nstruct A {{\n struct B {{\n{}\n }};\n}};",
                 "#define A(x) {{ \\\n  x\nconst T kA = {{{{1}}, {{2}}}};\nint g() {{ return 1; }}\n{}",
                 "// {{\n/* {{\n*/\nconst char* s = \"{{\\\"\" R\"a({{\"\n)a\";\nchar c = '{{';"
                 "\nint d = 1'000;\n{}\nchar e = '\\'';")
        for head in heads:
            for room in rooms:
                lines = rules.LONGEST_FUNCTION - head.count("\n") - 2
                fits = head + "\n" + "  g(\"}\");\n" * lines + "}"
                self.accepts(rules.function_lengths, "core/a.h", room.format(fits) + "\n")
                self.accepts(rules.function_lengths, "core/a.h", room.format(fits + "\n\n" + fits))
                self.refuses(rules.function_lengths, "core/a.h", room.format(fits[:-1] + "\n}"))
        table = "const T kA = {\n" + "  {1, f()},\n" * 100 + "};\n"
        self.accepts(rules.function_lengths, "core/a.cpp", table)
        self.accepts(rules.function_lengths, "core/a.cpp", "class A {\n" + "  int f();\n" * 100 + "};\n")
        found = self.found(rules.function_lengths, {
            "core/a.cpp": "int g() { return 1; }\n\nint f() {\n" + "  g();\n" * 100 + "}\n"})
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0].startswith("core/a.cpp:3: a function of 102 lines"), found)

    def test_targets(self):
        self.refuses(rules.targets, "tests/core/lost_test.cpp", "")
        self.refuses(rules.targets, "core/lost.cpp", "")
        self.accepts(rules.targets, "tests/core/helper.cpp", "")
        listed = {"core/CMakeLists.txt": "rollback_library(x fs/a.cpp b.cpp)\n",
                  "core/fs/a.cpp": "", "core/b.cpp": ""}
        self.assertEqual(self.found(rules.targets, listed), [])
        listed["core/CMakeLists.txt"] = "rollback_library(x fs/a.cpp) # b.cpp\n"
        self.assertEqual(len(self.found(rules.targets, listed)), 1)

    def test_licences(self):
        self.accepts(rules.licences, "core/a.cpp", SPDX)
        self.accepts(rules.licences, "scripts/a.sh", "#!/bin/sh\n" + SPDX)
        self.refuses(rules.licences, "core/a.cpp", "\n\n" + SPDX)
        self.refuses(rules.licences, "core/CMakeLists.txt", "")

    def test_shells(self):
        for code in ('system("ls");', 'std::system("ls");', 'popen ("ls", "r");', '"sh -c ls"',
                     '{"/bin/sh", "-c", x}', '{"/bin/bash", "-c"}'):
            self.refuses(rules.shells, "agent/a.cpp", code + "\n")
        for code in ("// never sh -c", "/* system( */", "sd_bus_open_system(&bus);", "file_system(x)"):
            self.accepts(rules.shells, "agent/a.cpp", code + "\n")
        self.accepts(rules.shells, "tests/a_test.cpp", '{"/bin/bash", "-c"}\n')

    def test_changes(self):
        for code in ("const Live& live", "LiveFiles(root)", "ServiceManager& m", "SdServiceManager m", "ChangeRunner& r",
                     "TransientUnitRunner r", "ComposeEngine e(root, x)", "request.read_only_root = false"):
            for path in ("agent/apply/prepare.cpp", "agent/apply/staging.h", "agent/apply/active_run.h",
                         "agent/apply/deploy_x.cpp", "agent/resources/compose.cpp", "agent/service/door.cpp"):
                self.refuses(rules.changes, path, code + ";\n")
            for path in ("agent/apply/commit.cpp", "agent/main.cpp", "agent/recover_main.cpp",
                         "agent/platform/sd_service_manager.h", "agent/resources/compose_engine.h"):
                self.accepts(rules.changes, path, code + ";\n")
        self.accepts(rules.changes, "agent/apply/prepare.cpp", "// no Live\nLiveParents p(root);\n")

    def test_sleeps(self):
        for code in ("std::this_thread::sleep_for(x);", "usleep(1);", "sleep(1);", "::sleep (1);"):
            self.refuses(rules.sleeps, "agent/a.cpp", code + "\n")
            self.refuses(rules.sleeps, "tests/a_test.cpp", code + "\n")
        self.refuses(rules.sleeps, "tests/fleet/fleet.py", "time.sleep(1)\n")
        self.accepts(rules.sleeps, "agent/a.cpp", "// sleep(1)\nasleep(1);\n")
        self.accepts(rules.sleeps, "tests/fleet/shop/a.cpp", "sleep(1);\n")

    def test_every_rule_is_tested(self):
        for rule in rules.RULES:
            self.assertTrue(hasattr(self, "test_" + rule.__name__), rule.__name__)


if __name__ == "__main__":
    unittest.main()
