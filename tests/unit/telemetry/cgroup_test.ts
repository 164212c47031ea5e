import assert from "node:assert/strict";
import fc from "fast-check";
import {
  CGROUP_CONTROLLERS,
  type CgroupController,
  cgroupFiles,
  cgroupLayout,
  readLevel,
  tightest,
} from "../../../core/telemetry/cgroup.ts";

/** As /proc shows them on a machine with systemd and version 2 only. */
const V2 = {
  membership: "0::/system.slice/greenroom.service\n",
  mountinfo: `24 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
31 24 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
`,
};
/** Version 1, a folder per controller, two controllers in one. */
const V1 = {
  membership: "9:memory:/docker/abc\n5:cpu,cpuacct:/docker/abc\n3:pids:/docker/abc\n1:name=systemd:/docker/abc\n",
  mountinfo: `32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
`,
};

Deno.test("cgroupLayout finds each level of version 2, ours first", () => {
  const folders = ["/sys/fs/cgroup/system.slice/greenroom.service", "/sys/fs/cgroup/system.slice", "/sys/fs/cgroup"];
  const layout = cgroupLayout(V2.membership, V2.mountinfo);
  for (const controller of CGROUP_CONTROLLERS) assert.deepEqual(layout[controller], { version: 2, folders });
});

Deno.test("cgroupLayout finds version 1's folder of each controller, also of two that share one", () => {
  const layout = cgroupLayout(V1.membership, V1.mountinfo);
  const at = (folder: string) => ({
    version: 1 as const,
    folders: [`/sys/fs/cgroup/${folder}/docker/abc`, `/sys/fs/cgroup/${folder}/docker`, `/sys/fs/cgroup/${folder}`],
  });
  assert.deepEqual(layout, {
    cpu: at("cpu,cpuacct"),
    cpuacct: at("cpu,cpuacct"),
    memory: at("memory"),
    pids: at("pids"),
  });
});

Deno.test("cgroupLayout looks at the mount's root in a container that sees only its own part", () => {
  const mountinfo = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
  assert.deepEqual(cgroupLayout("9:memory:/docker/abc\n", mountinfo).memory?.folders, ["/sys/fs/cgroup/memory"]);
  assert.deepEqual(cgroupLayout("9:memory:/docker/abc/in\n", mountinfo).memory?.folders, [
    "/sys/fs/cgroup/memory/in",
    "/sys/fs/cgroup/memory",
  ]);
  // Somebody else's group, or one above: what is mounted is all that we can see.
  assert.deepEqual(cgroupLayout("9:memory:/docker/abcd\n", mountinfo).memory?.folders, ["/sys/fs/cgroup/memory"]);
  assert.deepEqual(cgroupLayout("0::/../..\n", V2.mountinfo).cpu?.folders, ["/sys/fs/cgroup"]);
});

Deno.test("cgroupLayout takes version 2 for what version 1 does not have, in a mixture", () => {
  const mountinfo = `${V1.mountinfo.split("\n")[1]}
41 31 0:38 / /sys/fs/cgroup/my\\040unified rw,relatime - cgroup2 cgroup2 rw
`;
  const layout = cgroupLayout("9:memory:/a\n0::/b\n", mountinfo);
  assert.equal(layout.memory?.version, 1);
  assert.deepEqual(layout.cpu, { version: 2, folders: ["/sys/fs/cgroup/my unified/b", "/sys/fs/cgroup/my unified"] });
});

Deno.test("cgroupLayout never throws, and finds nothing where there is nothing", () => {
  assert.deepEqual(cgroupLayout("", ""), {});
  fc.assert(fc.property(fc.string(), fc.string(), (membership, mountinfo) => {
    cgroupLayout(membership, mountinfo);
  }));
});

const CASES: [what: string, CgroupController, 1 | 2, files: Record<string, string>, level: unknown][] = [
  ["half a core, version 1", "cpu", 1, { "cpu.cfs_quota_us": "50000\n", "cpu.cfs_period_us": "100000\n" }, {
    cpuLimitCores: 0.5,
  }],
  ["no quota, version 1", "cpu", 1, { "cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n" }, {
    cpuLimitCores: null,
  }],
  ["one core and a half, version 2", "cpu", 2, { "cpu.max": "150000 100000\n" }, { cpuLimitCores: 1.5 }],
  ["no quota, version 2", "cpu", 2, { "cpu.max": "max 100000\n" }, { cpuLimitCores: null }],
  ["the root group of version 2, which has no limits", "cpu", 2, {}, { cpuLimitCores: null }],
  ["used CPU, version 1, nanoseconds", "cpuacct", 1, { "cpuacct.usage": "11420402165504\n" }, {
    cpuUsedMs: 11420402.165504,
  }],
  ["used CPU, version 2, microseconds", "cpuacct", 2, { "cpu.stat": "usage_usec 2500\nuser_usec 2000\n" }, {
    cpuUsedMs: 2.5,
  }],
  ["memory, version 1", "memory", 1, {
    "memory.limit_in_bytes": "536870912\n",
    "memory.usage_in_bytes": "300000000\n",
    "memory.stat": "cache 9\ninactive_file 1\ntotal_inactive_file 100000000\n",
  }, { memoryLimitBytes: 536_870_912, memoryUsedBytes: 200_000_000 }],
  ["memory without a limit, version 1", "memory", 1, {
    "memory.limit_in_bytes": "9223372036854771712\n",
    "memory.usage_in_bytes": "5\n",
  }, { memoryLimitBytes: null, memoryUsedBytes: 5 }],
  ["memory, version 2", "memory", 2, {
    "memory.max": "1073741824\n",
    "memory.current": "1000\n",
    "memory.stat": "anon 1\ninactive_file 400\n",
  }, { memoryLimitBytes: 1_073_741_824, memoryUsedBytes: 600 }],
  ["memory without a limit, version 2", "memory", 2, { "memory.max": "max\n" }, {
    memoryLimitBytes: null,
    memoryUsedBytes: null,
  }],
  ["processes", "pids", 2, { "pids.max": "4096\n", "pids.current": "37\n" }, { processLimit: 4_096, processCount: 37 }],
  ["processes without a limit", "pids", 1, { "pids.max": "max\n", "pids.current": "37\n" }, {
    processLimit: null,
    processCount: 37,
  }],
];

for (const [what, controller, version, files, level] of CASES) {
  Deno.test(`readLevel reads ${what}`, () => {
    for (const name of Object.keys(files)) assert.ok(cgroupFiles(controller, version).includes(name), name);
    assert.deepEqual(readLevel(controller, version, (name) => files[name] ?? null), level);
  });
}

Deno.test("readLevel gives null, never NaN, for files that say anything else", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...CGROUP_CONTROLLERS),
      fc.constantFrom(1 as const, 2 as const),
      fc.string(),
      (c, v, text) => {
        for (const value of Object.values(readLevel(c, v, () => text))) {
          assert.ok(
            value === null || Number.isFinite(value),
          );
        }
      },
    ),
  );
});

Deno.test("tightest takes the level that leaves least, and only levels that are limited and measured", () => {
  const levels = [{ limit: 100, used: 10 }, { limit: 60, used: 50 }, { limit: null, used: 99 }, {
    limit: 5,
    used: null,
  }];
  assert.deepEqual(tightest(levels, (level) => level.limit, (level) => level.used), { limit: 60, used: 50 });
  assert.equal(tightest([{ limit: null, used: 1 }], (level) => level.limit, (level) => level.used), null);
});
