/** The echo agent without warm slots: every job starts a process. */
import { defineAgent } from "greenroom";
import echo from "../../../agents/echo.ts";

export default defineAgent({ ...echo.options, name: "echo-cold", warmSlots: 0 });
