import { MAX_ROOMS } from "../../../core/services/room_board.ts";
import { define } from "../../(_shared)/define.ts";
import { partsOf } from "../../(_shared)/parts.ts";
import { problem } from "../../(_shared)/problem.ts";

/**
 * The live rooms of the LiveKit server, oldest first: who is there, which agents are expected, and which rooms are silent.
 * At most 2 s old. 503 when LiveKit can't be asked: unknown is not "none".
 */
export const handler = define.handlers({
  async GET(ctx) {
    const board = await partsOf(ctx.state).rooms.read();
    if (board.livekit === "reachable") {
      const { at, rooms, total } = board;
      return Response.json({ at, items: rooms, total, isCapped: total > MAX_ROOMS, nextCursor: null });
    }
    return problem({
      status: 503,
      code: "livekit_unreachable",
      title: "The rooms are not known",
      detail: board.error,
      remedy: board.remedy,
      members: { last: board.last },
      headers: { "retry-after": "2" },
    });
  },
});
