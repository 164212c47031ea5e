/** Why a dispatch waits when it is not just for a slot, in a code (routes/(_shared)/waiting_reason.ts has the words). Pure. */
import { type Admission, isLastingRefusal } from "../capacity/admission.ts";
import type { LivekitHealth } from "../livekit/livekit_health.ts";
import type { AgentEntry } from "../runtime/agent_catalog.ts";

/** Why nothing of the agent could start here even with a slot free; null: it could. @param agent null: not hosted here. */
export function waitingReasonHere(
  agent: Pick<AgentEntry, "name" | "state"> | null,
  { health, admission }: { health: Pick<LivekitHealth, "isReachable">; admission: Pick<Admission, "refusalFor"> },
): string | null {
  if (!agent) return "agent_not_hosted";
  if (agent.state === "broken") return "agent_broken";
  if (agent.state === "loading") return "agent_loading";
  if (!health.isReachable) return "livekit_unreachable";
  const refusal = admission.refusalFor(agent.name);
  return refusal !== null && isLastingRefusal(refusal) ? refusal : null;
}

/** The same for the fleet: what another instance takes jobs of waits for nothing but a slot there. */
export function waitingReasonInFleet(
  agent: string,
  here: string | null,
  { isServedElsewhere, isHostedElsewhere }: {
    isServedElsewhere?: (agent: string) => boolean;
    isHostedElsewhere?: (agent: string) => boolean;
  },
): string | null {
  if (here === "agent_not_hosted") return isHostedElsewhere?.(agent) ? null : here;
  return here !== null && isServedElsewhere?.(agent) ? null : here;
}
