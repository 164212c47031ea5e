import assert from "node:assert/strict";
import { loadConfig } from "../../../core/config/config.ts";
import { effectiveSettings } from "../../../core/config/effective_settings.ts";
import { SETTINGS } from "../../../core/config/settings.ts";

const KEY = "very-secret-admin-key";
const ENV = {
  GREENROOM_API_KEY: KEY,
  LIVEKIT_URL: "wss://name:password@livekit.example.com",
  LIVEKIT_API_KEY: "key",
  LIVEKIT_API_SECRET: "very-secret-livekit-secret",
  GREENROOM_WARM_SLOTS: "3",
  GREENROOM_ALLOWED_HOSTS: "a.example,b.example",
};

function settingsOf(env: Record<string, string>, made = {}) {
  const result = loadConfig(env, "/base");
  assert.ok(result.ok);
  const settings = effectiveSettings(result.loaded, made);
  return { settings, of: (name: string) => settings.find((each) => each.env === name) };
}

Deno.test("every setting is told with its value and where that comes from", () => {
  const { settings, of } = settingsOf(ENV);
  assert.deepEqual(settings.map(({ env }) => env), Object.values(SETTINGS).map(({ env }) => env));
  assert.deepEqual([of("GREENROOM_WARM_SLOTS")?.value, of("GREENROOM_WARM_SLOTS")?.source], ["3", "environment"]);
  assert.deepEqual([of("PORT")?.value, of("PORT")?.source], ["8000", "default"]);
  assert.equal(of("GREENROOM_ALLOWED_HOSTS")?.value, "a.example, b.example");
  assert.deepEqual([of("DATABASE_URL")?.isSet, of("DATABASE_URL")?.value], [false, null]);
});

Deno.test("no secret is told, nor a password in a URL; only that it is set", () => {
  const { settings, of } = settingsOf({ ...ENV, DATABASE_URL: "postgres://user:hidden@db:5432/x" });
  const text = JSON.stringify(settings);
  for (const secret of [KEY, "very-secret-livekit-secret", "password", "hidden"]) {
    assert.ok(!text.includes(secret), secret);
  }
  for (const name of ["GREENROOM_API_KEY", "LIVEKIT_API_SECRET", "DATABASE_URL"]) {
    assert.deepEqual([of(name)?.isSecret, of(name)?.isSet, of(name)?.value], [true, true, null], name);
  }
  assert.equal(of("LIVEKIT_URL")?.value, "wss://…@livekit.example.com");
});

Deno.test("what the program made itself stands in place of a default, never of a given value", () => {
  const made = {
    apiKey: { value: null, note: "a file" },
    livekitUrl: { value: "ws://127.0.0.1:1", note: "a local server" },
  };
  const { of } = settingsOf({ GREENROOM_API_KEY: KEY }, made);
  assert.deepEqual([of("LIVEKIT_URL")?.source, of("LIVEKIT_URL")?.value], ["made", "ws://127.0.0.1:1"]);
  assert.deepEqual([of("GREENROOM_API_KEY")?.source, of("GREENROOM_API_KEY")?.note], ["environment", null]);
});
