import { mount } from "svelte";
import App from "./App.svelte";
import { browserPlatform, openClient } from "./protocol/index.ts";

const client = await openClient(browserPlatform());
mount(App, { target: document.body, props: { client } });
