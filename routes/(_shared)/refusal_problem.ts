/** Each refusal of the dispatcher, and each wait that did not end well, as the problem that the caller reads. */
import type { RequestResult } from "../../core/dispatch/dispatcher.ts";
import type { DispatchView } from "../../core/dispatch/dispatch_view.ts";
import type { DispatchRefusal, ParticipantProblem } from "../../core/dispatch/refusal.ts";
import type { ScheduleProblem } from "../../core/dispatch/schedule.ts";
import { waitingProblem } from "./waiting_reason.ts";
import { problem } from "./problem.ts";

const PARTICIPANT_PROBLEMS: Record<ParticipantProblem, { detail: string; remedy: string }> = {
  required: {
    detail: "a dispatch that is placed directly must name the participant that it is for.",
    remedy: 'Give participantIdentity, or use placement "livekit": LiveKit starts a job for each participant.',
  },
  unused: {
    detail: "it is for a room, not for one participant.",
    remedy: 'Leave participantIdentity out, or set jobType: "participant" in the agent\'s file.',
  },
  chosen_by_livekit: {
    detail: "with placement livekit the server starts a job for each participant, and none can be named.",
    remedy: 'Leave participantIdentity out, or use placement "direct".',
  },
};

const SCHEDULE_PROBLEMS: Record<ScheduleProblem, { detail: string; remedy: string }> = {
  too_far: { detail: "scheduledAt is more than 30 days ahead.", remedy: "Ask for it again when it is closer." },
  with_livekit: {
    detail: "LiveKit's server can't place a dispatch later.",
    remedy: 'Use placement "direct", or leave scheduledAt out.',
  },
};

const RATE_LIMITS: Readonly<Record<string, string>> = {
  global: "the instance's limit",
  room: "the room's limit",
  key: "the API key's limit",
};

export function refusalProblem(refusal: DispatchRefusal): Response {
  switch (refusal.code) {
    case "unknown_agent": {
      const nearest = refusal.nearest.length > 0 ? ` Did you mean ${refusal.nearest.join(", ")}?` : "";
      return problem({
        status: 404,
        code: refusal.code,
        title: "Unknown agent",
        detail: `No agent named "${refusal.agent}" has ever run here.${nearest}`,
        remedy: "Use a name from GET /api/v1/agents, or add the agent's file to the agents folder and restart.",
        members: { nearest: refusal.nearest },
      });
    }
    case "invalid_metadata":
      return problem({
        status: 422,
        code: refusal.code,
        title: "The metadata does not fit the agent's schema",
        detail: refusal.errors.slice(0, 3).map(({ path, message }) => `${path}: ${message}`).join("; "),
        remedy: "Correct the named fields; the agent's schema is in GET /api/v1/agents.",
        errors: refusal.errors,
      });
    case "metadata_too_large":
      return problem({
        status: 413,
        code: refusal.code,
        title: "The metadata is too large",
        detail: `The metadata has ${refusal.bytes} bytes; ${refusal.maxBytes} are allowed.`,
        remedy: "Pass a reference instead of the data, or raise GREENROOM_MAX_METADATA_BYTES.",
        errors: [{ path: "metadata", message: `has ${refusal.bytes} bytes, at most ${refusal.maxBytes} are allowed` }],
      });
    case "metadata_unchecked":
      return problem({
        status: 503,
        code: refusal.code,
        title: "The metadata could not be checked",
        detail: `The agent's host did not answer: ${refusal.message}`,
        remedy: "Look at the agent in GET /api/v1/agents: its schema may be slow or its file broken. Then try again.",
        headers: { "retry-after": "1" },
      });
    case "invalid_participant": {
      const { agent, jobType } = refusal;
      const { detail, remedy } = PARTICIPANT_PROBLEMS[refusal.problem];
      return problem({
        status: 422,
        code: refusal.code,
        title: "The participant does not fit the agent",
        detail: `Agent "${agent}" handles ${jobType} jobs: ${detail}`,
        remedy,
        errors: [{ path: "participantIdentity", message: detail }],
      });
    }
    case "invalid_schedule": {
      const { detail, remedy } = SCHEDULE_PROBLEMS[refusal.problem];
      const errors = [{ path: "scheduledAt", message: detail }];
      return problem({ status: 422, code: refusal.code, title: "It can't be scheduled so", detail, remedy, errors });
    }
    case "rate_limited": {
      const limit = RATE_LIMITS[refusal.scope] ?? "its limit";
      return problem({
        status: 429,
        code: refusal.code,
        title: "Too many new dispatches",
        detail: `New dispatches come faster than ${limit} allows.`,
        remedy: "Send it again after Retry-After, or raise the limit (GREENROOM_RATE_…, see the settings).",
        members: { scope: refusal.scope },
        headers: { "retry-after": String(refusal.retryAfterSeconds) },
      });
    }
    case "agent_in_room":
      return problem({
        status: 409,
        code: refusal.code,
        title: "The agent is in the room already",
        detail: `Dispatch ${refusal.dispatchId} keeps agent "${refusal.agent}" in this room.`,
        remedy: 'Use that dispatch (oneAgentPerRoom "reuse" answers with it), or cancel it first.',
        members: { dispatchId: refusal.dispatchId },
      });
    case "idempotency_key_reused":
      return problem({
        status: 409,
        code: refusal.code,
        title: "The idempotency key was used for another request",
        detail: `The key belongs to dispatch ${refusal.dispatchId}, whose request was different.`,
        remedy: "Use a new key for a new request; send the same body to get the same dispatch.",
        members: { dispatchId: refusal.dispatchId },
      });
    case "rule_done":
      return problem({
        status: 409,
        code: refusal.code,
        title: "The rule has acted on this already",
        detail: `Rule ${refusal.ruleId} has a dispatch for it, or is disabled or gone.`,
        remedy: "Nothing is to be done.",
      });
    case "queue_full":
      return problem({
        status: 429,
        code: refusal.code,
        title: "The agent's queue is full",
        detail: `${refusal.capacity} dispatches of agent "${refusal.agent}" are waiting already.`,
        remedy: "Try again later, add capacity, or raise GREENROOM_QUEUE_CAPACITY.",
        headers: { "retry-after": String(refusal.retryAfterSeconds) },
      });
    case "too_many_waiters":
      return problem({
        status: 429,
        code: refusal.code,
        title: "Too many requests are waiting",
        detail: `${refusal.maxWaiters} requests wait for their dispatch already.`,
        remedy: "Ask with wait=none and look at the dispatch later, or raise GREENROOM_MAX_WAITERS.",
        headers: { "retry-after": String(refusal.retryAfterSeconds) },
      });
    case "not_found":
      return problem({
        status: 404,
        code: refusal.code,
        title: "No such dispatch",
        detail: `There is no dispatch ${refusal.dispatchId}.`,
        remedy: "Take an id from GET /api/v1/dispatches.",
      });
    case "not_ended":
      return problem({
        status: 409,
        code: refusal.code,
        title: "The dispatch has not ended",
        detail: `Dispatch ${refusal.dispatchId} is still being kept; only an ended one can be retried.`,
        remedy: "Cancel it first (DELETE), or send a new dispatch.",
      });
    case "owned_elsewhere":
      return problem({
        status: 409,
        code: refusal.code,
        title: "The dispatch is moving",
        detail: `Dispatch ${refusal.dispatchId} is just passing from one instance to another.`,
        remedy: "Try again in a second.",
      });
    case "owner_failed":
      return problem({
        code: refusal.code,
        status: 502,
        title: "The instance that runs the dispatch could not cancel it",
        detail: refusal.message,
        remedy: "Look at the dispatch, and try again; that instance's log says more.",
        members: { instanceId: refusal.instanceId },
      });
  }
}

/** 201 (or 200 for a repeated request); 502 when it ended before the awaited stage; 504 when the wait ran out. */
export function answerOf(result: RequestResult): Response {
  if (!result.ok) return refusalProblem(result.refusal);
  const { dispatch, isNew, outcome } = result;
  if (outcome === "reached") {
    return Response.json(dispatch, {
      status: isNew ? 201 : 200,
      headers: { location: `/api/v1/dispatches/${dispatch.id}`, "cache-control": "no-store" },
    });
  }
  return outcome === "ended" ? endedProblem(dispatch) : waitingProblem(dispatch);
}

function endedProblem(dispatch: DispatchView): Response {
  const reason = dispatch.failure?.message ?? dispatch.jobs.at(-1)?.endReason ?? "it ended";
  return problem({
    status: 502,
    code: dispatch.failure?.code ?? `dispatch_${dispatch.state}`,
    title: `The dispatch ${dispatch.state} before it was ready`,
    detail: reason,
    remedy: dispatch.failure?.remedy ?? "See the job's log, GET /api/v1/jobs/{id}/logs.",
    members: { dispatch },
  });
}
