/** Its file loops while it is loaded. */
for (;;);
