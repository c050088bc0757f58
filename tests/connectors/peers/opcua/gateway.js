// A thin gateway: the OPC UA Web API (OPC 10000-6 annex G.3) in front of OPC UA servers.
// node gateway.js PORT FOLDER NAME=ENDPOINT…: serves each at http://127.0.0.1:PORT/NAME/FORM and keeps its
// certificates in FOLDER. FORM says how it writes:
//   1.05       Compact or Verbose, as is asked for; a value's status is StatusCode, as in the Foundation's OpenAPI
//   1.05-part6 the same, but a value's status is Status, as in OPC 10000-6
//   1.04       the reversible encoding of 1.04
const http = require("node:http");
const path = require("node:path");
const { randomUUID } = require("node:crypto");
const opcua = require("node-opcua");
const { Messages } = require("./messages");

const FORWARDED = ["Read", "Write", "Call", "HistoryRead", "Browse", "BrowseNext", "CreateMonitoredItems",
    "CreateSubscription", "Publish", "Republish", "DeleteSubscriptions"];
const REQUESTS = new Map(FORWARDED.map((name) => [name.toLowerCase(), opcua[`${name}Request`]]));
const BAD_SESSION_ID_INVALID = 0x80250000;

/** One OPC UA server, asked in a session of the gateway's own, or in one that a client has made. */
class Server {
    constructor(endpoint, clientCertificateManager) {
        this.endpoint = endpoint;
        this.sessions = new Map();
        this.client = opcua.OPCUAClient.create({ endpointMustExist: false, clientCertificateManager });
    }

    async connect() {
        await this.client.connect(this.endpoint);
        this.own = await this.client.createSession();
        this.namespaces = await this.own.readNamespaceArray();
    }

    async answer(service, body, messages) {
        const token = body.RequestHeader?.AuthenticationToken;
        if (service === "createsession") return this.createSession();
        const session = token ? this.sessions.get(token) : this.own;
        if (!session) return answered({ Code: BAD_SESSION_ID_INVALID });
        if (service === "activatesession") return answered();
        if (service === "closesession") {
            this.sessions.delete(token);
            await session.close(body.DeleteSubscriptions ?? false);
            return answered();
        }
        const request = messages.read(REQUESTS.get(service), body);
        const response = await session.performMessageTransaction(request).catch((error) => {
            if (error.response) return error.response; // a ServiceFault
            throw error;
        });
        return messages.write(response);
    }

    async createSession() {
        const token = `s=${randomUUID()}`;
        this.sessions.set(token, await this.client.createSession());
        return { ...answered(), AuthenticationToken: token };
    }
}

const answered = (result) => ({ ResponseHeader: { Timestamp: new Date(), ServiceResult: result } });

/** An answer with the status of each value named as in OPC 10000-6. */
function asInPart6(written) {
    if (Array.isArray(written)) return written.map(asInPart6);
    if (written === null || typeof written !== "object" || written instanceof Date) return written;
    const name = (member) => (member === "StatusCode" && "UaType" in written ? "Status" : member);
    return Object.fromEntries(Object.entries(written).map(([member, value]) => [name(member), asInPart6(value)]));
}

async function serve(servers, request, response) {
    const [, name, form, service] = request.url.split("/");
    const server = servers.get(name);
    if (!server || !(REQUESTS.has(service) || /^(create|activate|close)session$/.test(service))) {
        return response.writeHead(404).end();
    }
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const wanted = /encoding=verbose/.test(request.headers.accept) ? "verbose" : "compact";
    const messages = new Messages(form === "1.04" ? "reversible" : wanted, server.namespaces);
    const answer = await server.answer(service, JSON.parse(Buffer.concat(chunks)), messages);
    response.writeHead(200, { "Content-Type": `application/json; encoding=${wanted}` });
    return response.end(JSON.stringify(form === "1.05-part6" ? asInPart6(answer) : answer));
}

async function main(port, folder, ...named) {
    const certificates = new opcua.OPCUACertificateManager({ rootFolder: path.join(folder, "gateway-pki") });
    await certificates.initialize();
    const servers = new Map();
    for (const [name, endpoint] of named.map((one) => one.split("=", 2))) {
        servers.set(name, new Server(endpoint, certificates));
    }
    await Promise.all([...servers.values()].map((server) => server.connect()));
    const listener = http.createServer((request, response) =>
        serve(servers, request, response).catch((error) => {
            console.error(error);
            response.writeHead(500).end();
        }),
    );
    listener.listen(Number(port), "127.0.0.1");
}

main(...process.argv.slice(2));
