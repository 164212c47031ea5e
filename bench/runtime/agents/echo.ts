export { default } from "../../../agents/echo.ts";
