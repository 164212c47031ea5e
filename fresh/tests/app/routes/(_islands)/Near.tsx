import { useEffect, useState } from "preact/hooks";

/** Lies next to its route. Ends visibly. */
export default function Near({ id }: { id: string }) {
  const [state, setState] = useState("server");
  useEffect(() => {
    setState("alive");
    return () => document.documentElement.setAttribute("data-ended", id);
  }, []);
  return <p id={id}>{state}</p>;
}
