/** Loudness for meters: samples to decibels, decibels to lit segments and words. Pure. */

export const SEGMENTS = 28;
/** Decibels relative to full scale: what is less is no light, what is more is all lights. */
const QUIETEST_DB = -60;
const LOUDEST_DB = -12;
/** Louder counts as speech. */
export const SPEECH_DB = -46;
export const SILENCE_DB = -100;

/** Root mean square of samples between -1 and 1, in decibels relative to full scale. */
export function levelDbOf(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  return rms === 0 ? SILENCE_DB : Math.max(SILENCE_DB, 20 * Math.log10(rms));
}

/** How many segments are lit. */
export function litSegments(levelDb: number): number {
  const ratio = (levelDb - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB);
  return Math.round(Math.min(1, Math.max(0, ratio)) * SEGMENTS);
}

/** For those who don't see the meter. */
export function levelWord(levelDb: number): "silent" | "low" | "medium" | "high" {
  const lit = litSegments(levelDb);
  if (lit === 0) return "silent";
  return lit <= SEGMENTS / 3 ? "low" : lit <= SEGMENTS * 2 / 3 ? "medium" : "high";
}
