/** What the Rooms page shows; types only, nothing of core reaches the browser. */
import type { RoomBoard } from "../../core/services/room_board.ts";
import type { ExpectedAgent, RoomParticipant, RoomState, RoomView } from "../../core/services/room_view.ts";

export type { ExpectedAgent, RoomBoard, RoomParticipant, RoomState, RoomView };
