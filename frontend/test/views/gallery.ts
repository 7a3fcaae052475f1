// Shows any state of the views without a server, for those who draw them: `npm run dev`, then /test/views/gallery.html#chat
import { mount } from "svelte";
import App from "../../src/App.svelte";
import { problem, scenes } from "./scenes.ts";
import { FakeClient } from "./fake_client.ts";

const client = new FakeClient();
const name = location.hash.slice(1);
(scenes[name] ?? (() => client.state.patch({ problem: problem("none", `Scenes: ${Object.keys(scenes).join(", ")}`) })))(client);
mount(App, { target: document.body, props: { client } });
