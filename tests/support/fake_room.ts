/** A room as the server API shows it, for decisions about rooms: who is in it, who answers a probe, what was removed. */
import { ParticipantInfo, ParticipantInfo_Kind } from "@livekit/protocol";
import type { RoomCalls } from "../../core/recovery/room_sight.ts";
import { ALIVE_ATTRIBUTE } from "../../core/recovery/room_probes.ts";

export class FakeRoom implements RoomCalls {
  participants: ParticipantInfo[] = [];
  /** Identities that answer probes. */
  readonly answering = new Set<string>();
  readonly removed: string[] = [];
  isReachable = true;
  probes = 0;

  addHuman(identity: string): void {
    this.participants.push(new ParticipantInfo({ identity, kind: ParticipantInfo_Kind.STANDARD }));
  }

  addAgent(identity: string, attributes: Record<string, string> = {}): void {
    this.participants.push(new ParticipantInfo({ identity, kind: ParticipantInfo_Kind.AGENT, attributes }));
  }

  listParticipants(_room: string): Promise<ParticipantInfo[]> {
    return this.isReachable ? Promise.resolve([...this.participants]) : Promise.reject(new Error("away"));
  }

  removeParticipant(_room: string, identity: string): Promise<boolean> {
    const before = this.participants.length;
    this.participants = this.participants.filter((each) => each.identity !== identity);
    if (this.participants.length < before) this.removed.push(identity);
    return Promise.resolve(this.participants.length < before);
  }

  sendData({ data, destinationIdentities = [] }: Parameters<RoomCalls["sendData"]>[0]): Promise<void> {
    this.probes += 1;
    for (const { identity, attributes } of this.participants) {
      if (!destinationIdentities.includes(identity) || !this.answering.has(identity)) continue;
      attributes[ALIVE_ATTRIBUTE] = new TextDecoder().decode(data);
    }
    return Promise.resolve();
  }
}
