/** The echo agent, ten jobs to a process and none kept warm. */
import { defineAgent } from "greenroom";
import echo from "../../../agents/echo.ts";

export default defineAgent({ ...echo.options, name: "echo-shared", jobsPerProcess: 10, warmSlots: 0 });
