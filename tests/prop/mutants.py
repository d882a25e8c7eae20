"""Takes one promise after another out of the sources and shows that the
property test notices.

    mutants.py ZIG SCHEMA_FILES.c LIBEXPAT.a

A mutant that survives, or whose text is not in its file any more, fails.
"""

import pathlib
import subprocess
import sys
import tempfile

zig, schemas, expat = sys.argv[1:4]
CENTRAL = ("changes subscriptions subscription_index cursors delivery "
           "delivery_answer end_notice recent topics callback_policy").split()
FLAGS = ("-std=gnu17 -D_GNU_SOURCE -DWOLFSSL_USER_SETTINGS -O1 -w "
         "-fno-sanitize=all -fno-strict-aliasing -Isrc -Itests/lib "
         "-Itests/prop -Ithird_party/src/expat-2.7.1 "
         "-Ithird_party/config/expat "
         "-isystem third_party/src/liburing-2.9/src/include "
         "-isystem third_party/config/liburing").split()
SEEDS = "2000"
MUTANTS = [
    ("cursors", "a cursor is never committed",
     "        store_batch_set_cursor(batch, each->id, each->cursor);\n", ""),
    ("changes", "events are told before the commit",
     "    changes->flying_count = count;\n    store_commit(",
     "    for (struct change *early = changes->first; early; "
     "early = early->next)\n"
     "        for (struct write *write = early->first; write; "
     "write = write->next)\n"
     "            if (write->kind == WRITE_EVENT && write->event.sequence > "
     "changes->stored_sequence) {\n"
     "                changes->stored_sequence = write->event.sequence;\n"
     "                changes->told(changes->owner, &write->event);\n"
     "            }\n"
     "    changes->flying_count = count;\n    store_commit(",
     "        changes->stored_sequence = write->event.sequence;\n"
     "        changes->told(changes->owner, &write->event);\n", ""),
    ("delivery", "a failure counts as a success",
     "    if (delivery_succeeded(subscription->owner, result, reason,\n"
     "                           sizeof reason)) {", "    if (true) {"),
    ("delivery_answer", "a Fault counts as a success",
     "    return is_2xx && !delivery_has_fault(subs, result->body);",
     "    return is_2xx;"),
    ("delivery", "the cursor moves when an event is sent",
     "    send_body(subscription, event->body, event->uuid);",
     "    send_body(subscription, event->body, event->uuid);\n"
     "    subscription->cursor = event->sequence;"),
    ("delivery", "rows that were read for other topics are used",
     "    drop_rows(subscription);\n"
     "    subscription->reading_stale = subscription->reading;\n", ""),
    ("recent", "the ring hides a gap",
     "<= sequence + 1;", "<= sequence + 1000;"),
    ("subscriptions", "nobody is woken by an event",
     "    subscription_index_each(&subs->index, event, tell, &told);\n", ""),
    ("subscriptions", "idle ones forget where they were",
     "    if (subscription->cursor < told->previous)\n"
     "        subscription->cursor = told->previous;\n",
     "    subscription->cursor = subscription->owner->newest;\n"),
    ("delivery", "a replay ends with what is on its way",
     "    subscription->sending_stale = subscription->state == "
     "SUBSCRIPTION_SENDING;\n", ""),
]


def build(folder, changed=None, text=None):
    sources = []
    for name in CENTRAL:
        path = pathlib.Path(f"src/central/{name}.c")
        if name == changed:
            path = pathlib.Path(folder) / f"{name}.c"
            path.write_text(text)
        sources.append(path)
    others = [p for p in pathlib.Path("src/base").glob("*.c")
              if p.name != "clock.c"]
    others += pathlib.Path("src/soap").glob("*.c")
    others += pathlib.Path("tests/prop").glob("*.c")
    others += [pathlib.Path("src/http/url.c"),
               pathlib.Path("src/http/fields.c")]
    objects = []
    for source in sources + others + [pathlib.Path(schemas)]:
        target = pathlib.Path(folder) / (
            str(source).strip("/").replace("/", "_") + ".o")
        objects.append(target)
        if not target.exists() or source.name == f"{changed}.c":
            subprocess.run([zig, "cc", *FLAGS, "-c", source, "-o", target],
                           check=True)
    program = pathlib.Path(folder) / "program"
    subprocess.run([zig, "cc", "-fno-sanitize=all", "-o", program, *objects,
                    expat, "-lm"], check=True)
    return program


def main():
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        whole = subprocess.run([build(folder), "300"], capture_output=True,
                               text=True)
        assert whole.returncode == 0, whole.stdout
        for name, promise, *changes in MUTANTS:
            text = pathlib.Path(f"src/central/{name}.c").read_text()
            for old, new in zip(changes[::2], changes[1::2]):
                assert text.count(old) == 1, f"{name}.c: {old!r}"
                text = text.replace(old, new)
            program = build(folder, name, text)
            done = subprocess.run([program, SEEDS], capture_output=True,
                                  text=True, timeout=300)
            noticed = done.returncode != 0
            survivors += not noticed
            said = (done.stdout + done.stderr).strip().split("\n")[-1]
            print(f"{promise}: {'noticed: ' + said if noticed else 'NOT NOTICED'}",
                  flush=True)
    print(f"{len(MUTANTS)} promises taken out, {survivors} not noticed")
    sys.exit(survivors != 0)


main()
