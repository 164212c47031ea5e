/** Its file throws while it is loaded. */
throw new Error("no settings for this agent");
