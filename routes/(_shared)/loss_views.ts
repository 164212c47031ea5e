/** Losses of agents in their rooms, as REST and pages show them. */
import { z } from "zod";
import type { LossRow } from "../../db/losses.ts";

const instant = z.iso.datetime().nullable();

export const lossViewSchema = z.object({
  id: z.uuid(),
  dispatchId: z.uuid(),
  jobId: z.uuid().nullable().meta({ description: "The job that was lost." }),
  replacedBy: z.uuid().nullable().meta({ description: "The job that took over, once it is ready." }),
  agent: z.string(),
  server: z.string(),
  room: z.string(),
  cause: z.string().meta({ description: "Failure kind of the lost job, or silent_room." }),
  wasHumanThere: z.boolean(),
  lostAt: z.iso.datetime().meta({ description: "The lost agent's last sign of life." }),
  readyAt: instant,
  givenUpAt: instant.meta({ description: "Nobody will replace it." }),
  deadAirMs: z.int().nullable().meta({
    description: "How long somebody heard nothing; null: nobody did, or it goes on.",
  }),
}).meta({ id: "Loss" });

export type LossView = z.infer<typeof lossViewSchema>;

export function viewOfLoss({ lostAt, readyAt, givenUpAt, ...loss }: LossRow): LossView {
  return {
    ...loss,
    lostAt: lostAt.toISOString(),
    readyAt: readyAt?.toISOString() ?? null,
    givenUpAt: givenUpAt?.toISOString() ?? null,
  };
}
