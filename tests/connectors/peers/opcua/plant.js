// A plant, by node-opcua: a feeder with a measured power, and a breaker whose opening is a trip.
// node plant.js PORT SINCE FOLDER: serves at opc.tcp://127.0.0.1:PORT/plant, with values from the moment SINCE on, and
// keeps its certificates in FOLDER.
const path = require("node:path");
const opcua = require("node-opcua");

const { DataType, StatusCodes } = opcua;
const NAMESPACE = "urn:peer:scada";
const OPEN = 1;
const CLOSED = 2;

async function main(port, since, folder) {
    const certificates = new opcua.OPCUACertificateManager({ rootFolder: path.join(folder, "pki") });
    const server = new opcua.OPCUAServer({
        port: Number(port),
        hostname: "127.0.0.1",
        resourcePath: "/plant",
        serverCertificateManager: certificates,
        userCertificateManager: certificates,
        securityModes: [opcua.MessageSecurityMode.None],
        securityPolicies: [opcua.SecurityPolicy.None],
        buildInfo: { productName: "Peer plant", manufacturerName: "Others", softwareVersion: "2.182" },
    });
    await server.initialize();
    build(server.engine.addressSpace, Date.parse(since));
    await server.start();
}

function build(space, since) {
    space.installAlarmsAndConditionsService();
    const namespace = space.registerNamespace(NAMESPACE);
    const objects = space.rootFolder.objects;
    const feeder = namespace.addObject({
        organizedBy: objects,
        browseName: "FDR03",
        displayName: "Feeder 03",
        nodeId: "s=FDR03",
        eventNotifier: 1,
        notifierOf: objects.server,
    });
    addMeasurements(space, namespace, feeder, since);
    addBreaker(space, namespace, feeder);
}

function addMeasurements(space, namespace, feeder, since) {
    const add = (name, more) =>
        namespace.addAnalogDataItem({
            componentOf: feeder,
            browseName: name,
            nodeId: `s=FDR03.${name}`,
            dataType: "Double",
            engineeringUnitsRange: { low: -1000, high: 1000 },
            ...more,
        });
    const set = (variable, minute, value, status = StatusCodes.Good) =>
        variable.setValueFromSource({ dataType: DataType.Double, value }, status, new Date(since + minute * 60_000));
    const power = add("P", { engineeringUnits: opcua.standardUnits.kilowatt });
    space.installHistoricalDataNode(power);
    [-3.5, 0, 7.25, 2.5, 1.25, -0.5].forEach((value, minute) => set(power, minute, value));
    const current = add("I", { engineeringUnits: opcua.standardUnits.ampere });
    set(current, 0, 212.5, StatusCodes.UncertainSensorNotAccurate);
    const voltage = add("U", { engineeringUnits: opcua.standardUnits.kilovolt });
    set(voltage, 0, 0, StatusCodes.BadSensorFailure);
    set(add("ZERO", { engineeringUnits: opcua.standardUnits.percent }), 0, 0);
}

function addBreaker(space, namespace, feeder) {
    const breaker = namespace.addObject({
        componentOf: feeder,
        browseName: "CB",
        displayName: "Breaker",
        nodeId: "s=CB-0301",
        eventNotifier: 1,
        eventSourceOf: feeder,
    });
    const position = namespace.addVariable({
        componentOf: breaker,
        browseName: "POS",
        displayName: "Position",
        nodeId: "s=CB-0301.POS",
        dataType: "Int32",
        value: { dataType: DataType.Int32, value: CLOSED },
        accessLevel: "CurrentRead | CurrentWrite",
    });
    const trip = namespace.instantiateAlarmCondition("TripAlarmType", {
        componentOf: breaker,
        browseName: "Trip",
        nodeId: "s=CB-0301.Trip",
        conditionSource: breaker,
        conditionName: "Trip",
        inputNode: position,
        normalState: opcua.NodeId.nullNodeId,
        optionals: ["ConfirmedState", "Confirm", "ShelvingState", "MaxTimeShelved"],
        maxTimeShelved: 3_600_000,
    });
    position.on("value_changed", (value) => {
        if (value.value.value === OPEN) {
            trip.activateAlarm();
            trip.ackedState.setValue(false);
            trip.raiseNewCondition({ severity: 800, message: "Breaker tripped", retain: true });
        } else {
            trip.deactivateAlarm(true);
            trip.raiseNewCondition({ severity: 800, message: "Breaker closed", retain: !trip.ackedState.getValue() });
        }
    });
}

main(...process.argv.slice(2));
