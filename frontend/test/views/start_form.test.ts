// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, expect, test } from "vitest";
import StartForm from "../../src/views/landing/StartForm.svelte";
import { FakeClient } from "./fake_client.ts";

afterEach(() => {
  cleanup();
  localStorage.clear();
});

async function fill(label: string, value: string): Promise<void> {
  await fireEvent.input(screen.getByLabelText(label, { exact: false }), { target: { value } });
}

const press = (name: string) => fireEvent.click(screen.getByRole("button", { name }));

test("a search starts with what was chosen, and the half-typed interest too", async () => {
  const client = new FakeClient();
  render(StartForm, { client });
  await fill("Your name", " Noa ");
  await fill("Interests", "jazz");
  await fireEvent.change(screen.getByLabelText("Language", { exact: false }), { target: { value: "de" } });
  await press("Find someone");
  expect(client.calls).toEqual([["start", "Noa", { interests: ["jazz"], language: "de" }]]);
});

test("without a name nothing starts, and the field says why", async () => {
  const client = new FakeClient();
  render(StartForm, { client });
  expect(screen.queryByRole("alert")).toBeNull();
  await press("Find someone");
  expect(client.calls).toEqual([]);
  expect(screen.getByRole("alert").textContent).toBe("Please enter a name.");
  expect(screen.getByLabelText("Your name", { exact: false }).getAttribute("aria-invalid")).toBe("true");
});

test("what went wrong is said in our words where we have them, else in the server's", async () => {
  const client = new FakeClient();
  render(StartForm, { client });
  client.state.patch({ problem: { code: "rate_limited", message: "x", retryable: true } });
  expect((await screen.findByRole("alert")).textContent).toBe("That was too much at once. Please wait a moment.");
  client.state.patch({ problem: { code: "brand_new", message: "The server's own sentence.", retryable: true } });
  expect((await screen.findByText("The server's own sentence.")).getAttribute("role")).toBe("alert");
});

test("what was chosen is offered again", async () => {
  render(StartForm, { client: new FakeClient() });
  await fill("Your name", "Noa");
  await fill("Interests", "jazz, film,");
  await press("Find someone");
  cleanup();
  render(StartForm, { client: new FakeClient() });
  expect(screen.getByLabelText<HTMLInputElement>("Your name", { exact: false }).value).toBe("Noa");
  expect(screen.getByText("film")).toBeTruthy();
});
