/** ctx.checkpoint: what the job saves is stored by the control plane, and what was saved before comes with the job. */
import { ControlPlaneError } from "../../agent/errors.ts";
import type { CheckpointStore } from "../../agent/job_context.ts";
import type { ControlRequests } from "./control_requests.ts";

/** @param first what came with the job's start; undefined: nothing did, so the control plane is asked. */
export function checkpointStore(
  requests: Pick<ControlRequests, "call">,
  first: { data: unknown } | undefined,
): CheckpointStore {
  let known = first;
  return {
    async save(data) {
      if (data === undefined) throw new ControlPlaneError("invalid", "Cannot save a checkpoint of undefined");
      const { version } = await requests.call("checkpoint.save", { data }) as { version: number };
      known = { data: JSON.parse(JSON.stringify(data)) };
      return version;
    },
    async load<T>() {
      known ??= { data: (await requests.call("checkpoint.load") as { data: unknown }).data };
      return structuredClone(known.data) as T | null;
    },
  };
}
