// node serve.js PORT: each GeoJSON file of the folder in which it is started, as a FeatureServer.
const Koop = require('@koopjs/koop-core')
const provider = require('@koopjs/provider-file-geojson')

const koop = new Koop({ logLevel: 'error' })
koop.register(provider, { dataDir: '.' })
koop.server.listen(Number(process.argv[2]), '127.0.0.1')
