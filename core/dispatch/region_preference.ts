/**
 * Where a dispatch should run that names a region: instances of that region take it first. Others leave it to them for a
 * named grace, while one of them is known to serve its agent; then whoever has a slot takes it.
 */
import type { ClaimScope } from "../../db/claim_scope.ts";

export interface RegionPreferenceOptions {
  /** Of this instance; null: none in particular. */
  region: string | null;
  graceMs: number;
  others: {
    /** Whether another instance takes jobs of the agent; in this region, when given. */
    isServing(agent: string, region?: string): boolean;
    /** Whether another instance has a region. */
    hasRegions(): boolean;
  };
}

export class RegionPreference {
  readonly #options: RegionPreferenceOptions;

  constructor(options: RegionPreferenceOptions) {
    this.#options = options;
  }

  /** What may be claimed here now. In a fleet without regions nothing is left to others. */
  get scope(): ClaimScope {
    const { region, graceMs, others } = this.#options;
    return { region, regionGraceMs: others.hasRegions() ? graceMs : 0 };
  }

  /** Whether a new dispatch may start here at once. */
  mayPlaceHere(agent: string, wanted: string | null): boolean {
    const { region, others } = this.#options;
    return wanted === null || wanted === region || !others.isServing(agent, wanted);
  }
}
