export const note = "a test file is no route";
