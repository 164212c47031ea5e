import assert from "node:assert/strict";
import fc from "fast-check";
import { matchesGlob, matchesRule, type RuleCondition } from "../../../core/dispatch/rules/match_rule.ts";

for (
  const [pattern, text, expected] of [
    ["support-*", "support-42", true],
    ["support-*", "support", false],
    ["*", "", true],
    ["?", "", false],
    ["room-?", "room-1", true],
    ["room-?", "room-12", false],
    ["*-eu-*", "call-eu-7", true],
    ["a*b*c", "aXbYbc", true],
    ["a*b*c", "aXbYb", false],
    ["a.c", "abc", false],
    ["[x]", "[x]", true],
    ["*é?", "caféé", true],
  ] as const
) {
  Deno.test(`The pattern ${pattern} ${expected ? "fits" : "does not fit"} "${text}"`, () => {
    assert.equal(matchesGlob(pattern, text), expected);
  });
}

Deno.test("A glob fits what the same regular expression fits", () => {
  const letters = (...own: string[]) => fc.array(fc.constantFrom("a", "b", ...own), { maxLength: 12 });
  fc.assert(fc.property(letters("*", "?"), letters(), (pattern, text) => {
    const source = pattern.map((sign) => sign === "*" ? ".*" : sign === "?" ? "." : sign).join("");
    assert.equal(matchesGlob(pattern.join(""), text.join("")), new RegExp(`^${source}$`).test(text.join("")));
  }));
});

const RULE: RuleCondition = {
  event: "participant_joined",
  roomPattern: "support-*",
  participantKind: "sip",
  participantAttributes: { tier: "gold" },
};
const CALLER = {
  ...{ event: "participant_joined", room: "support-1", kind: "sip" } as const,
  attributes: { tier: "gold", other: "x" },
};

Deno.test("A rule for participants wants its event, room, kind and attributes, all of them", () => {
  assert.equal(matchesRule(RULE, CALLER), true);
  assert.equal(matchesRule(RULE, { event: "room_started", room: "support-1" }), false);
  assert.equal(matchesRule(RULE, { ...CALLER, room: "sales-1" }), false);
  assert.equal(matchesRule(RULE, { ...CALLER, kind: "standard" }), false);
  assert.equal(matchesRule(RULE, { ...CALLER, attributes: { tier: "silver" } }), false);
  const anybody: RuleCondition = { ...RULE, participantKind: null, participantAttributes: null };
  assert.equal(matchesRule(anybody, { ...CALLER, kind: "standard", attributes: {} }), true);
});

Deno.test("Agents and egress never trigger a rule", () => {
  const anybody: RuleCondition = { ...RULE, participantKind: null, participantAttributes: null };
  assert.equal(matchesRule(anybody, { ...CALLER, kind: null }), false);
});
