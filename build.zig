//! What can be built: the table of contents.  `./zigw build --help` lists the steps.

const std = @import("std");
const c = @import("build_c.zig");
const expat = @import("third_party/expat.zig");
const liburing = @import("third_party/liburing.zig");
const llhttp = @import("third_party/llhttp.zig");
const sqlite = @import("third_party/sqlite.zig");
const wolfssl = @import("third_party/wolfssl.zig");

/// The folders of src/ with their layer: a file includes headers of its own
/// folder and of lower layers (tests/house/test_house.py checks it).
const Layer = struct { folder: []const u8, number: u8 };
const layers: []const Layer = &.{
    .{ .folder = "base", .number = 0 },
    .{ .folder = "crypto", .number = 1 },
    .{ .folder = "http", .number = 1 },
    .{ .folder = "soap", .number = 1 },
    .{ .folder = "fasp", .number = 1 },
    .{ .folder = "io", .number = 2 },
    .{ .folder = "net", .number = 3 },
    .{ .folder = "store", .number = 3 },
    .{ .folder = "transfer", .number = 4 },
    .{ .folder = "central", .number = 5 },
    .{ .folder = "cli", .number = 6 },
};

pub fn build(b: *std.Build) void {
    const optimize = b.option(std.builtin.OptimizeMode, "optimize", "safe (the default), debug, fast") orelse .safe;
    const arch = b.option(std.Target.Cpu.Arch, "arch", "x86_64 or aarch64") orelse .x86_64;

    const product: c.Target = .{
        .resolved = b.resolveTargetQuery(.{ .cpu_arch = arch, .os_tag = .linux, .abi = .musl }),
        .optimize = optimize,
    };
    const host: c.Target = .{
        .resolved = b.resolveTargetQuery(.{ .cpu_model = .baseline }),
        .optimize = optimize,
    };
    const schemas = embedSchemas(b);

    const ferry = addProduct(b, product, schemas);
    addDemo(b, ferry);
    addShare(b, ferry);
    addBenchmarks(b, host, ferry);

    const tests = b.step("test", "Run all tests");
    tests.dependOn(addUnitTests(b, host, schemas));
    _ = addPythonTests(b, ferry, "test:container", "tests/container", &.{}, "Build the container twice, compare the digests, run it (root)");
    tests.dependOn(addPythonTests(b, ferry, "test:house", "tests/house", &.{}, "Check the rules of the house: layers, libraries, one static binary"));
    addKillTest(b, ferry);
    addSoak(b, host, schemas, ferry);
    tests.dependOn(addPropertyTests(b, host, schemas));
    addSanitizedTests(b, host, schemas);
    addFuzzing(b, host, schemas);
    tests.dependOn(addPythonTests(b, ferry, "test:contract", "tests/contract", &.{}, "Send what the clients of the original send, check every byte of the answers"));
    tests.dependOn(addPythonTests(b, ferry, "test:attacks", "tests/security", &.{}, "Attack HTTP and XML of the running server, the quick ones"));
    _ = addPythonTests(b, ferry, "test:security", "tests/security", &.{"--slow"}, "Attack HTTP and XML of the running server, the slow ones too");
    tests.dependOn(addPythonTests(b, ferry, "test:protocol", "tests/protocol", &.{}, "Fetch files with a second receiver, written from docs/protocol.md"));
    addClients(b, ferry);
    tests.dependOn(addEndToEndTests(b, ferry, addTestClock(b, product, schemas)));
}

/// The one static binary.
fn addProduct(b: *std.Build, target: c.Target, schemas: std.Build.LazyPath) *std.Build.Step.Compile {
    const exe = c.addExecutable(b, "ferry", target);
    exe.root_module.strip = b.option(bool, "strip", "leave out debug information (default: true)") orelse true;
    exe.root_module.addCSourceFiles(.{ .root = b.path("src"), .files = &.{"main.c"}, .flags = flags });
    for (layers) |layer| addFolder(b, exe, layer.folder);
    exe.root_module.addCSourceFile(.{ .file = schemas, .flags = flags });
    exe.root_module.addIncludePath(b.path("src"));
    Libs.add(b, target).link(b, exe);
    b.installArtifact(exe);
    return exe;
}

/// The same binary with a wall clock that tests set; it is not installed.
fn addTestClock(b: *std.Build, target: c.Target, schemas: std.Build.LazyPath) *std.Build.Step.Compile {
    const exe = c.addExecutable(b, "ferry-clock", target);
    exe.root_module.strip = true;
    exe.root_module.addCSourceFiles(.{ .root = b.path("src"), .files = &.{"main.c"}, .flags = flags });
    exe.root_module.addCSourceFile(.{ .file = b.path("tests/e2e/clock_set.c"), .flags = flags });
    for (listC(b, "src/base")) |file| if (!std.mem.eql(u8, file, "clock.c")) exe.root_module.addCSourceFile(.{ .file = b.path(b.fmt("src/base/{s}", .{file})), .flags = flags });
    for (layers[1..]) |layer| addFolder(b, exe, layer.folder);
    exe.root_module.addCSourceFile(.{ .file = schemas, .flags = flags });
    exe.root_module.addIncludePath(b.path("src"));
    Libs.add(b, target).link(b, exe);
    return exe;
}

/// Two nodes, an observer, an order: the main job, for a person to watch.
fn addDemo(b: *std.Build, ferry: *std.Build.Step.Compile) void {
    const run = b.addSystemCommand(&.{"contrib/demo.sh"});
    run.addArtifactArg(ferry);
    run.setCwd(b.path("."));
    run.has_side_effects = true;
    run.stdio = .inherit;
    b.step("demo", "Show the main job: two nodes, an observer, an order, 256 MiB").dependOn(&run.step);
}

/// What the binary says of itself: manual pages and completion, for packages.
fn addShare(b: *std.Build, ferry: *std.Build.Step.Compile) void {
    const step = b.step("share", "Write manual pages and completion into zig-out/share");
    for (&[_][3][]const u8{
        .{ "man", "ferry.1", "share/man/man1/ferry.1" },
        .{ "man", "ferry.8", "share/man/man8/ferry.8" },
        .{ "man", "asperacentral.8", "share/man/man8/asperacentral.8" },
        .{ "man", "ferry.conf.5", "share/man/man5/ferry.conf.5" },
        .{ "completion", "bash", "share/bash-completion/completions/ferry" },
        .{ "completion", "zsh", "share/zsh/site-functions/_ferry" },
        .{ "completion", "fish", "share/fish/vendor_completions.d/ferry.fish" },
    }) |row| {
        const run = b.addRunArtifact(ferry);
        run.addArgs(row[0..2]);
        step.dependOn(&b.addInstallFile(run.captureStdOut(.{}), row[2]).step);
    }
}

/// Benchmarks print tables; nothing in them passes or fails by time.
fn addBenchmarks(b: *std.Build, host: c.Target, ferry: *std.Build.Step.Compile) void {
    const Bench = struct { name: []const u8, script: []const u8, helper: ?[]const u8, text: []const u8 };
    for (&[_]Bench{
        .{ .name = "local", .script = "local.py", .helper = null, .text = "Time a file over loopback; -- MIB RUNS" },
        .{ .name = "wan", .script = "wan.py", .helper = "wan", .text = "Time a file over emulated wide-area paths (root); -- --grid --rivals CELL..." },
        .{ .name = "files", .script = "files.py", .helper = "wan", .text = "Time 100,000 small files over an emulated path (root); -- COUNT BYTES RTT LOSS MBPS" },
        .{ .name = "sessions", .script = "sessions.py", .helper = null, .text = "Memory and CPU of many sessions on one loop; -- SESSIONS" },
        .{ .name = "query", .script = "query.py", .helper = null, .text = "Time pages out of a million stored files; -- FILES_PER_SESSION" },
        .{ .name = "resume", .script = "resume.py", .helper = null, .text = "Time a file that goes on at 99 %; -- GIB FOLDER" },
        .{ .name = "soap", .script = "soap.py", .helper = "soap_load", .text = "Count GetSessionInfo calls a second; -- SECONDS" },
        .{ .name = "push", .script = "push.py", .helper = "push_sink", .text = "Count and time notifications; -- restart rate latency dead memory burst commits" },
    }) |bench| {
        const run = b.addSystemCommand(&.{ "python3", b.fmt("tests/bench/{s}", .{bench.script}) });
        run.addArtifactArg(ferry);
        if (bench.helper) |name| {
            const helper = c.addExecutable(b, name, host);
            helper.root_module.addCSourceFiles(.{ .root = b.path("tests/bench"), .files = &.{b.fmt("{s}.c", .{name})}, .flags = c.flags });
            run.addArtifactArg(helper);
        }
        run.setCwd(b.path("."));
        run.has_side_effects = true;
        run.stdio = .inherit;
        c.passArguments(b, run);
        b.step(b.fmt("bench:{s}", .{bench.name}), bench.text).dependOn(&run.step);
    }
}

/// Programs on other SOAP stacks; the script installs the stacks.
fn addClients(b: *std.Build, ferry: *std.Build.Step.Compile) void {
    const run = b.addSystemCommand(&.{ "python3", "tests/clients/run.py" });
    run.addArtifactArg(ferry);
    run.setCwd(b.path("."));
    run.has_side_effects = true;
    run.stdio = .inherit;
    c.passArguments(b, run);
    b.step("test:clients", "Run a program on each of nine SOAP stacks; -- php jaxws").dependOn(&run.step);
}

/// pytest, which ./zigw has installed.
fn addPythonTests(b: *std.Build, ferry: *std.Build.Step.Compile, name: []const u8, folder: []const u8, options: []const []const u8, text: []const u8) *std.Build.Step {
    const run = b.addSystemCommand(&.{ "python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", folder, "--ferry" });
    run.addArtifactArg(ferry);
    run.addArgs(options);
    run.setCwd(b.path("."));
    run.has_side_effects = true;
    run.stdio = .inherit;
    c.passArguments(b, run);
    b.step(name, text).dependOn(&run.step);
    return &run.step;
}

fn addEndToEndTests(b: *std.Build, ferry: *std.Build.Step.Compile, clock: *std.Build.Step.Compile) *std.Build.Step {
    const run = b.addSystemCommand(&.{ "python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/e2e", "--ferry" });
    run.addArtifactArg(ferry);
    run.addArg("--clock");
    run.addArtifactArg(clock);
    run.setCwd(b.path("."));
    run.has_side_effects = true;
    run.stdio = .inherit;
    c.passArguments(b, run);
    b.step("test:e2e", "Run the binary against real SOAP clients; -- -k crash").dependOn(&run.step);
    return &run.step;
}

/// One program a folder of tests/unit, linked with that folder of src/ and all lower ones.
fn addUnitTests(b: *std.Build, host: c.Target, schemas: std.Build.LazyPath) *std.Build.Step {
    const all = b.step("test:unit", "Run the unit tests of every folder");
    const libs = Libs.add(b, host);

    for (layers) |layer| {
        const files = listC(b, b.fmt("tests/unit/{s}", .{layer.folder}));
        if (files.len == 0) continue;
        const exe = c.addExecutable(b, b.fmt("test-{s}", .{layer.folder}), host);
        exe.link_gc_sections = false; // or Criterion finds no test in release modes
        exe.root_module.addCSourceFiles(.{
            .root = b.path(b.fmt("tests/unit/{s}", .{layer.folder})),
            .files = files,
            .flags = flags,
        });
        for (layers) |below| {
            if (below.number < layer.number or std.mem.eql(u8, below.folder, layer.folder)) addFolder(b, exe, below.folder);
        }
        if (layer.number >= 1) exe.root_module.addCSourceFile(.{ .file = schemas, .flags = flags });
        exe.root_module.addIncludePath(b.path("src"));
        exe.root_module.addIncludePath(b.path("tests/lib"));
        exe.root_module.linkSystemLibrary("criterion", .{});
        libs.link(b, exe);

        const run = b.addRunArtifact(exe);
        run.setCwd(b.path("."));
        c.passArguments(b, run);
        b.step(b.fmt("test:{s}", .{layer.folder}), b.fmt("Run the unit tests of src/{s}; -- --filter 'suite/*'", .{layer.folder})).dependOn(&run.step);
        all.dependOn(&run.step);
        if (std.mem.eql(u8, layer.folder, "fasp")) addSimulations(b, exe);
    }
    return all;
}

/// The same program; every row of its tables, and what each measured.
fn addSimulations(b: *std.Build, exe: *std.Build.Step.Compile) void {
    const run = b.addSystemCommand(&.{ "env", "FERRY_SIM_ALL=1" });
    run.addArtifactArg(exe);
    run.setCwd(b.path("."));
    run.addArgs(&.{ "--filter", "sim_*/*" });
    run.has_side_effects = true;
    run.stdio = .inherit;
    b.step("test:sim", "Simulate every path, company and change that the rate law is to stand").dependOn(&run.step);
}

/// Zig has no AddressSanitizer runtime: the same files, by gcc.
fn addSanitized(b: *std.Build, libs: Libs, schemas: std.Build.LazyPath, command: []const []const u8) *std.Build.Step.Run {
    const run = b.addSystemCommand(command);
    run.addArg(".zig-cache/asan");
    run.addFileArg(schemas);
    for (&[_]*std.Build.Step.Compile{ libs.expat, libs.uring, libs.llhttp, libs.sqlite, libs.wolfssl }) |lib| run.addArtifactArg(lib);
    run.addArg("--");
    return run;
}

fn addSanitizedTests(b: *std.Build, host: c.Target, schemas: std.Build.LazyPath) void {
    const run = addSanitized(b, Libs.add(b, host), schemas, &.{"tests/asan.sh"});
    run.setCwd(b.path("."));
    run.has_side_effects = true;
    run.stdio = .inherit;
    c.passArguments(b, run);
    b.step("test:asan", "Run unit and end-to-end tests with AddressSanitizer and UBSan; -- -k crash").dependOn(&run.step);
}

/// What must never be lost, against a simulated world: many seeds, and the same with one promise after another taken out.
fn addPropertyTests(b: *std.Build, host: c.Target, schemas: std.Build.LazyPath) *std.Build.Step {
    const libs = Libs.add(b, host);
    const exe = c.addExecutable(b, "prop-subscriptions", host);
    exe.root_module.addCSourceFiles(.{ .root = b.path("tests/prop"), .files = listC(b, "tests/prop"), .flags = flags });
    exe.root_module.addCSourceFiles(.{ .root = b.path("src/central"), .files = &.{
        "callback_policy.c", "changes.c", "cursors.c", "delivery.c", "delivery_answer.c", "end_notice.c", "recent.c", "subscription_index.c", "subscriptions.c", "topics.c",
    }, .flags = flags });
    // The world has a clock of its own.
    for (listC(b, "src/base")) |file| if (!std.mem.eql(u8, file, "clock.c")) exe.root_module.addCSourceFile(.{ .file = b.path(b.fmt("src/base/{s}", .{file})), .flags = flags });
    exe.root_module.addCSourceFiles(.{ .root = b.path("src/http"), .files = &.{ "fields.c", "url.c" }, .flags = flags });
    addFolder(b, exe, "soap");
    exe.root_module.addCSourceFile(.{ .file = schemas, .flags = flags });
    exe.root_module.addIncludePath(b.path("src"));
    libs.link(b, exe);

    const all = b.step("test:subscriptions", "Run 10,000 simulated lives of subscriptions, and show that each promise is needed");
    const lives = b.addRunArtifact(exe);
    lives.addArg("10000");
    lives.has_side_effects = true;
    all.dependOn(&lives.step);
    const mutants = b.addSystemCommand(&.{ "python3", "tests/prop/mutants.py", b.graph.zig_exe });
    mutants.addFileArg(schemas);
    mutants.addArtifactArg(libs.expat);
    mutants.setCwd(b.path("."));
    mutants.has_side_effects = true;
    mutants.stdio = .inherit;
    all.dependOn(&mutants.step);

    const some = b.addRunArtifact(exe);
    some.addArg("500");
    return &some.step;
}

/// The binary killed 200 times under load.
fn addKillTest(b: *std.Build, ferry: *std.Build.Step.Compile) void {
    const run = b.addSystemCommand(&.{ "env", "FERRY_KILLS=200", "python3", "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "tests/e2e/test_subscriptions_kill.py", "--ferry" });
    run.addArtifactArg(ferry);
    run.setCwd(b.path("."));
    run.has_side_effects = true;
    run.stdio = .inherit;
    b.step("test:kill", "Kill the server 200 times under load: no event is lost").dependOn(&run.step);
}

/// A thousand jobs, by the binary itself and by one that looks for leaks.
fn addSoak(b: *std.Build, host: c.Target, schemas: std.Build.LazyPath, ferry: *std.Build.Step.Compile) void {
    const step = b.step("test:soak", "Run a thousand jobs: no leak, no descriptor more, memory within its caches");
    // By env: a variable that is set here would freeze all others as they were
    // when this file was last run.
    const run = b.addSystemCommand(&.{ "env", "FERRY_SOAK_JOBS=1000", "python3", "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "tests/e2e/test_soak.py", "--ferry" });
    run.addArtifactArg(ferry);
    const leaks = addSanitized(b, Libs.add(b, host), schemas, &.{ "env", "FERRY_SOAK_JOBS=1000", "FERRY_ASAN_UNIT=no", "tests/asan.sh" });
    leaks.addArgs(&.{ "-s", "-k", "soak" });
    for (&[_]*std.Build.Step.Run{ run, leaks }) |each| {
        each.setCwd(b.path("."));
        each.has_side_effects = true;
        each.stdio = .inherit;
        step.dependOn(&each.step);
    }
    leaks.step.dependOn(&run.step);
}

/// libFuzzer is clang's: a step for each target, and one for a fixed number of runs of all.
fn addFuzzing(b: *std.Build, host: c.Target, schemas: std.Build.LazyPath) void {
    const libs = Libs.add(b, host);
    addFuzzStep(b, libs, schemas, "all", "test:fuzz", "Run every fuzz target for a fixed number of runs");
    for (listC(b, "tests/fuzz")) |file| {
        if (!std.mem.startsWith(u8, file, "fuzz_")) continue;
        const name = file["fuzz_".len .. file.len - ".c".len];
        addFuzzStep(b, libs, schemas, name, b.fmt("fuzz:{s}", .{name}), "Run a fuzz target until it fails; -- -max_total_time=60");
    }
}

fn addFuzzStep(b: *std.Build, libs: Libs, schemas: std.Build.LazyPath, name: []const u8, step: []const u8, text: []const u8) void {
    const run = b.addSystemCommand(&.{ "tests/fuzz/fuzz.sh", ".zig-cache/fuzz" });
    run.addFileArg(schemas);
    run.addArtifactArg(libs.wolfssl);
    run.addArgs(&.{ "--", name });
    run.setCwd(b.path("."));
    run.has_side_effects = true;
    run.stdio = .inherit;
    c.passArguments(b, run);
    b.step(step, text).dependOn(&run.step);
}

const flags: []const []const u8 = c.flags ++ wolfssl.user_flags;

const Libs = struct {
    expat: *std.Build.Step.Compile,
    uring: *std.Build.Step.Compile,
    llhttp: *std.Build.Step.Compile,
    sqlite: *std.Build.Step.Compile,
    wolfssl: *std.Build.Step.Compile,

    fn add(b: *std.Build, target: c.Target) Libs {
        return .{
            .expat = expat.add(b, target),
            .uring = liburing.add(b, target),
            .llhttp = llhttp.add(b, target),
            .sqlite = sqlite.add(b, target),
            .wolfssl = wolfssl.add(b, target),
        };
    }

    fn link(libs: Libs, b: *std.Build, exe: *std.Build.Step.Compile) void {
        // Tests link libraries of this machine, and with them comes its /usr/include
        // before our system headers; Debian's expat.h there is older than ours.
        for (expat.includes) |path| exe.root_module.addIncludePath(b.path(path));
        c.link(b, exe, libs.expat, &.{});
        c.link(b, exe, libs.uring, liburing.includes);
        c.link(b, exe, libs.llhttp, llhttp.includes);
        c.link(b, exe, libs.sqlite, sqlite.includes);
        c.link(b, exe, libs.wolfssl, wolfssl.includes);
    }
};

fn addFolder(b: *std.Build, exe: *std.Build.Step.Compile, folder: []const u8) void {
    exe.root_module.addCSourceFiles(.{
        .root = b.path(b.fmt("src/{s}", .{folder})),
        .files = listC(b, b.fmt("src/{s}", .{folder})),
        .flags = flags,
    });
}

/// The names of the .c files of a folder, in order.
fn listC(b: *std.Build, folder: []const u8) []const []const u8 {
    return list(b, folder, ".c");
}

fn list(b: *std.Build, folder: []const u8, ending: []const u8) []const []const u8 {
    const io = b.graph.io;
    const arena = b.graph.arena;
    var names: std.ArrayList([]const u8) = .empty;
    var dir = b.root.root_dir.handle.openDir(io, folder, .{ .iterate = true }) catch return &.{};
    defer dir.close(io);
    b.dependOnDirectoryContents(b.path(folder));
    var entries = dir.iterate();
    while (entries.next(io) catch @panic("cannot list a source folder")) |entry| {
        if (std.mem.endsWith(u8, entry.name, ending)) names.append(arena, arena.dupe(u8, entry.name) catch @panic("OOM")) catch @panic("OOM");
    }
    std.mem.sort([]const u8, names.items, {}, struct {
        fn before(_: void, left: []const u8, right: []const u8) bool {
            return std.mem.lessThan(u8, left, right);
        }
    }.before);
    return names.items;
}

/// schemas/*.wsdl and *.xsd as a C table, so that the binary can serve them: see src/base/schema_files.h.
fn embedSchemas(b: *std.Build) std.Build.LazyPath {
    const io = b.graph.io;
    const arena = b.graph.arena;
    var out: std.ArrayList(u8) = .empty;
    var rows: std.ArrayList(u8) = .empty;
    add(arena, &out, "#include \"base/schema_files.h\"\n");
    for (&[_][]const u8{ ".wsdl", ".xsd" }) |ending| {
        for (list(b, "schemas", ending)) |name| {
            const path = b.fmt("schemas/{s}", .{name});
            b.dependOnFileContents(b.path(path));
            const content = b.root.root_dir.handle.readFileAlloc(io, path, arena, .limited(1 << 20)) catch @panic("cannot read a schema");
            const id = arena.dupe(u8, name) catch @panic("OOM");
            for (id) |*char| if (!std.ascii.isAlphanumeric(char.*)) {
                char.* = '_';
            };
            add(arena, &out, b.fmt("static const unsigned char file_{s}[] = {{", .{id}));
            for (content, 0..) |byte, i| add(arena, &out, b.fmt("{s}{d},", .{ if (i % 24 == 0) "\n" else "", byte }));
            add(arena, &out, "0};\n");
            add(arena, &rows, b.fmt("    {{\"{s}\", (const char *)file_{s}, {d}}},\n", .{ name, id, content.len }));
        }
    }
    add(arena, &out, b.fmt("const struct schema_file schema_files[] = {{\n{s}    {{0}},\n}};\n", .{rows.items}));
    const files = b.addWriteFiles();
    return files.add("schema_files.c", out.items);
}

fn add(arena: std.mem.Allocator, out: *std.ArrayList(u8), piece: []const u8) void {
    out.appendSlice(arena, piece) catch @panic("OOM");
}
