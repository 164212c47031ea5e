import { useSignal } from "@preact/signals";
import { asset, Head } from "fresh/runtime";

export default function LiveHead() {
  const clicks = useSignal(0);
  return (
    <>
      <Head>
        <title>clicked {clicks.value}</title>
        <meta name="description" content={`clicks ${clicks.value}`} />
        <link key="theme" rel="stylesheet" href={asset("/styles.css")} />
      </Head>
      <button type="button" id="head" onClick={() => clicks.value++}>head</button>
    </>
  );
}
