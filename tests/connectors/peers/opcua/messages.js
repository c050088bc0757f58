// OPC UA messages as JSON and back. How a value is written is node-opcua-json's business; this walks the structures
// around the values by their schemas, and writes those of 1.05 as the standard does: fields beside the type.
const {
    bodyDecodeFunctor,
    bodyEncodeFunctor,
    JsonEncodingScheme,
    opcuaJsonEncodeNodeId,
    opcuaJsonEncodeQualifiedNameAsString,
} = require("node-opcua-json");
const { DataType, resolveNodeId } = require("node-opcua");
const { getStandardDataTypeFactory } = require("node-opcua-factory");

const SCHEMES = {
    compact: JsonEncodingScheme.Compact,
    verbose: JsonEncodingScheme.Verbose,
    reversible: JsonEncodingScheme.DeprecatedReversible,
};
const LEFT_OUT = ["DiagnosticInfo", "NumericRange"];

const fieldsOf = (schema) => [...(schema.getBaseSchema() ? fieldsOf(schema.getBaseSchema()) : []), ...schema.fields];
// A field of a type that is made from a built-in one, such as Counter or UtcTime, is written as that.
const builtIn = (field) => DataType[field.fieldType] ?? DataType[field.schema.subType] ?? DataType[field.schema.name];
const structureOf = (typeId) =>
    getStandardDataTypeFactory().getStructureInfoForDataType(resolveNodeId(typeId)).constructor;

class Messages {
    /** `encoding`: compact, verbose (both of 1.05) or reversible (1.04). `namespaces`: the server's table of them. */
    constructor(encoding, namespaces) {
        this.scheme = SCHEMES[encoding];
        this.encoding = encoding;
        this.namespaces = namespaces;
    }

    write(structure) {
        const written = {};
        for (const field of fieldsOf(structure.schema)) {
            const value = structure[field.name];
            if (value === undefined || value === null || LEFT_OUT.includes(field.fieldType)) continue;
            const write = (one) => (one === null ? null : this.writeField(field, one));
            written[field.originalName] = field.isArray ? Array.from(value, write) : write(value);
        }
        return written;
    }

    writeField(field, value) {
        const isOld = this.encoding === "reversible";
        if (field.category === "complex") return this.write(value);
        if (field.category === "enumeration") {
            return this.encoding === "verbose" ? `${field.schema.typedEnum.get(value).key}_${value}` : value;
        }
        const type = builtIn(field);
        if (type === DataType.ExtensionObject) {
            const typeId = opcuaJsonEncodeNodeId(value.schema.dataTypeNodeId, this.scheme, this.namespaces);
            const fields = this.write(value);
            return isOld ? { TypeId: typeId, Body: fields } : { UaTypeId: typeId, ...fields };
        }
        if (type === DataType.QualifiedName && !isOld) {
            // The codec writes 1.04's object here, and in Compact leaves out the names of the standard.
            return opcuaJsonEncodeQualifiedNameAsString(value, JsonEncodingScheme.Verbose, this.namespaces);
        }
        return bodyEncodeFunctor(type)(value, this.scheme, this.namespaces);
    }

    read(Structure, written) {
        const options = {};
        for (const field of fieldsOf(Structure.schema)) {
            const value = written[field.originalName];
            if (value === undefined || value === null || LEFT_OUT.includes(field.fieldType)) continue;
            const read = (one) => this.readField(field, one);
            options[field.name] = field.isArray ? value.map(read) : read(value);
        }
        return new Structure(options);
    }

    readField(field, written) {
        if (field.category === "complex") {
            const schema = field.schema ?? getStandardDataTypeFactory().getStructuredTypeSchema(field.fieldType);
            return this.read(structureOf(schema.dataTypeNodeId), written);
        }
        if (field.category === "enumeration") return written;
        const type = builtIn(field);
        if (type === DataType.ExtensionObject) return this.read(structureOf(written.UaTypeId), written);
        return bodyDecodeFunctor(type)(written, undefined, this.namespaces);
    }
}

module.exports = { Messages };
