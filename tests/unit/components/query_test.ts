import { deepEqual, equal, match } from "node:assert/strict";
import fc from "fast-check";
import {
  completionsOf,
  jobsHref,
  matches,
  parseQuery,
  queryText,
  sinceMs,
  type Term,
} from "../../../components/jobs/query.ts";

const dispatch = {
  state: "failed",
  agent: "echo",
  room: "front-desk-1",
  priority: "normal",
  origin: "rest",
  id: "0199-ab12",
};

Deno.test("parseQuery reads qualifiers, quoted values and plain words", () => {
  deepEqual(parseQuery('state:failed error:"no answer" desk meta.customer:42 since:1h'), {
    terms: [
      { key: "state", value: "failed" },
      { key: "error", value: "no answer" },
      { key: "", value: "desk" },
      { key: "meta.customer", value: "42" },
      { key: "since", value: "1h" },
    ],
    problems: [],
  });
});

Deno.test("parseQuery says what it does not understand and keeps the rest", () => {
  const { terms, problems } = parseQuery("colour:red state:broken since:soon id:zz meta.:1 agent:echo");
  deepEqual(terms, [{ key: "agent", value: "echo" }]);
  equal(problems.length, 5);
  match(problems[0] ?? "", /no qualifier "colour"/);
});

Deno.test("queryText is read back as the same terms, whatever the values", () => {
  const value = fc.stringMatching(/^[\w./-]+( [\w./-]+)*$/);
  const term: fc.Arbitrary<Term> = fc.record({ key: fc.constantFrom("", "agent", "room", "error", "meta.x"), value });
  fc.assert(fc.property(fc.array(term, { maxLength: 10 }), (terms) => {
    deepEqual(parseQuery(queryText(terms)), { terms, problems: [] });
  }));
});

Deno.test("parseQuery never throws and never keeps more than 20 terms", () => {
  fc.assert(fc.property(fc.string(), (text) => parseQuery(text).terms.length <= 20));
});

Deno.test("matches wants one value of each qualifier and every plain word", () => {
  const fits = (text: string) => matches(parseQuery(text).terms, dispatch);
  equal(fits(""), true);
  equal(fits("state:failed state:running agent:echo"), true);
  equal(fits("state:running"), false);
  equal(fits("room:front-desk-1"), true);
  equal(fits("room:front*"), true);
  equal(fits("room:front"), false);
  equal(fits("DESK front"), true);
  equal(fits("desk back"), false);
  equal(fits("id:ab12"), true);
});

Deno.test("matches answers null when only the server can tell", () => {
  equal(matches(parseQuery("error:timeout").terms, dispatch), null);
  equal(matches(parseQuery("meta.customer:42").terms, dispatch), null);
});

Deno.test("completionsOf completes the word that is being written", () => {
  deepEqual(completionsOf("agent:echo sta", []), ["state:"]);
  deepEqual(completionsOf("state:ca", []), ["state:cancelled"]);
  deepEqual(completionsOf("agent:e", ["echo", "support"]), ["agent:echo"]);
  deepEqual(completionsOf("state:failed", []), []);
});

Deno.test("sinceMs knows seconds to days, and nothing else", () => {
  deepEqual(["30s", "5m", "1h", "7d", "1w", "h", ""].map(sinceMs), [
    30_000,
    300_000,
    3_600_000,
    604_800_000,
    null,
    null,
    null,
  ]);
});

Deno.test("jobsHref keeps filter and page in the address", () => {
  equal(jobsHref([]), "/jobs");
  equal(jobsHref([{ key: "state", value: "failed" }], "abc"), "/jobs?q=state%3Afailed&cursor=abc");
});
