export const note = "no route";
