/**
 * Whether LiveKit has the tracks that the agent publishes, and the agent knows those of the others, after its connection was
 * re-made. When the server is restarted twice within seconds, rtc-node (0.13) may say "reconnected" without having published
 * its tracks again: the agent is there, answers probes, and nobody hears it. One more connection mends that.
 *
 *   reconnected ─everyMs─▶ look ─nothing is missing─▶ done
 *                          │  ▲ LiveKit does not answer, or the first time that this is missing: again, LOOKS_LIMIT times
 *       the same, 2nd time ▼  │
 *                     full reconnect ─still missing after MENDS_LIMIT of them─▶ onMissing
 *
 * Measured with restarts 700 ms apart on a busy machine: 2 of 16 calls were mute for good; that one connection more brings
 * the tracks back is what rtc-node says of `Room.simulateScenario`, and what was seen.
 */
import { type LocalParticipant, type Room, SimulateScenarioKind, TrackKind } from "@livekit/rtc-node";
import type { JobLog } from "../../agent/job_context.ts";
import type { ParticipantState } from "../../agent/room_api.ts";

export type CheckedRoom = Pick<Room, "on" | "localParticipant" | "remoteParticipants" | "simulateScenario">;

export interface TrackCheckOptions {
  room: CheckedRoom;
  /** Of the agent. */
  identity: string;
  listParticipants(): Promise<readonly ParticipantState[]>;
  log: JobLog;
  /** What is missing could not be mended. */
  onMissing(detail: string): void;
  everyMs?: number;
}

/** New tracks are announced well within it. */
const EVERY_MS = 2_000;
/** As long as LiveKit may be away for after a restart. */
const LOOKS_LIMIT = 15;
const MENDS_LIMIT = 2;

export class TrackCheck {
  readonly #options: TrackCheckOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Of the connection that is being looked at; what is awaited for an earlier one counts for nothing. */
  #connection = 0;
  #mends = 0;

  constructor(options: TrackCheckOptions) {
    this.#options = options;
    options.room.on("reconnecting", () => this.close());
    options.room.on("reconnected", () => {
      this.close();
      this.#lookLater(LOOKS_LIMIT, "");
    });
  }

  /** Nothing is looked at any more, until the connection is re-made. */
  close(): void {
    this.#connection++;
    clearTimeout(this.#timer);
  }

  #lookLater(looksLeft: number, missingBefore: string): void {
    const look = () => void this.#look(looksLeft - 1, missingBefore);
    this.#timer = setTimeout(look, this.#options.everyMs ?? EVERY_MS);
  }

  async #look(looksLeft: number, missingBefore: string): Promise<void> {
    const { room, identity, listParticipants, log } = this.#options;
    const connection = this.#connection;
    const shown = await listParticipants().catch((error) => {
      log.debug("LiveKit could not be asked which tracks it has", { error });
      return [];
    });
    if (connection !== this.#connection) return;
    const missing = missingTracks(room, identity, shown);
    if (missing === "") this.#mends = 0;
    else if (missing !== null && missing === missingBefore) await this.#mend(missing);
    else if (looksLeft > 0) this.#lookLater(looksLeft, missing ?? "");
  }

  async #mend(missing: string): Promise<void> {
    const { room, log, onMissing } = this.#options;
    if (this.#mends === MENDS_LIMIT) {
      return onMissing(`After the connection was re-made tracks are missing, also in ${MENDS_LIMIT} more: ${missing}`);
    }
    this.#mends++;
    log.warn("After the connection was re-made tracks are missing, so it is re-made once more", { missing });
    try {
      await room.simulateScenario(SimulateScenarioKind.SIMULATE_FULL_RECONNECT);
    } catch (error) {
      onMissing(`After the connection was re-made tracks are missing (${missing}), and it can't be re-made: ${error}`);
    }
  }
}

/**
 * Makes rtc-node forget a track whose `unpublishTrack` rejects, as its native part does: while the connection is re-made
 * it has no server to tell, and would otherwise list the track for ever.
 */
export function forgetUnpublished(participant: Pick<LocalParticipant, "trackPublications" | "unpublishTrack">): void {
  const unpublish = participant.unpublishTrack.bind(participant);
  participant.unpublishTrack = async (sid, ...rest) => {
    try {
      await unpublish(sid, ...rest);
    } finally {
      participant.trackPublications.delete(sid);
    }
  };
}

/** In words; "" when nothing is missing, null when LiveKit does not show the agent, so that nobody knows. */
export function missingTracks(
  { localParticipant, remoteParticipants }: Pick<Room, "localParticipant" | "remoteParticipants">,
  identity: string,
  shown: readonly ParticipantState[],
): string | null {
  const own = shown.find((participant) => participant.identity === identity);
  if (!own) return null;
  // By their number: ids change when tracks are published anew.
  const published = [...localParticipant?.trackPublications.values() ?? []];
  const unheard = ([["audio", TrackKind.KIND_AUDIO], ["video", TrackKind.KIND_VIDEO]] as const).flatMap(
    ([name, kind]) => {
      const here = published.filter((publication) => publication.kind === kind).length;
      const there = own.tracks.filter((track) => track.kind === name).length;
      return here > there ? [`LiveKit has ${there} of the agent's ${here} ${name} tracks`] : [];
    },
  );
  const unknown = shown.flatMap(({ identity, tracks }) => {
    // Who is hidden is not told to the agent.
    const known = remoteParticipants.get(identity);
    if (!known) return [];
    return tracks.filter(({ sid, kind }) => kind !== "data" && !known.trackPublications.has(sid))
      .map(({ sid }) => `the agent does not know track ${sid} of ${identity}`);
  });
  return [...unheard, ...unknown].join("; ");
}
