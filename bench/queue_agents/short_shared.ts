/** The shortest call there is, ten of them in a process. */
import { defineAgent } from "greenroom";
import short from "./short.ts";

export default defineAgent({ ...short.options, name: "short-shared", jobsPerProcess: 10 });
