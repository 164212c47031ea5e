/** The request that an ended dispatch was, to make it again. Pure. */
import type { DispatchRow } from "../../db/dispatch_reads.ts";
import type { OneAgentPerRoom } from "../../db/schema/states.ts";
import type { DispatchRequest } from "./dispatch_request.ts";

/** With other metadata when given. Its start is not kept: it is made again now. */
export function requestLike(dispatch: DispatchRow, metadata: DispatchRequest["metadata"]): DispatchRequest {
  const { agent, room, priority, placement, participantIdentity, region, oneAgentPerRoom } = dispatch;
  const given = metadata ?? dispatch.metadata as DispatchRequest["metadata"] | null ?? undefined;
  return {
    ...{ agent, room, priority, placement },
    ...(given === undefined ? {} : { metadata: given }),
    ...(participantIdentity === null ? {} : { participantIdentity }),
    ...(region === null ? {} : { region }),
    ...(oneAgentPerRoom === null ? {} : { oneAgentPerRoom: oneAgentPerRoom as OneAgentPerRoom }),
    ...(dispatch.deadlineAt === null ? {} : { deadlineMs: deadlineMsOf(dispatch) }),
  };
}

/** As it was asked for, so that another try has as long. */
function deadlineMsOf({ createdAt, scheduledAt, deadlineAt }: DispatchRow): number {
  return Math.max(1, (deadlineAt ?? createdAt).getTime() - (scheduledAt ?? createdAt).getTime());
}
