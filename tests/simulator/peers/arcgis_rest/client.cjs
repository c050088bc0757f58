// node client.cjs ADDRESS CLIENT_ID CLIENT_SECRET USERNAME PASSWORD: asks the simulator's ArcGIS as Esri's own client
// does, and prints what that client makes of the answers, as JSON.
const { ApplicationCredentialsManager, ArcGISIdentityManager, request } = require('@esri/arcgis-rest-request')
const { getLayer, queryAllFeatures, queryFeatures } = require('@esri/arcgis-rest-feature-service')

const [address, clientId, clientSecret, username, password] = process.argv.slice(2)
const portal = `${address}/arcgis/sharing/rest`
const service = `${address}/arcgis/rest/services/Electric/Network/FeatureServer`
const url = `${service}/0`

async function said(asking) {
  try {
    await asking()
    return 'nothing'
  } catch (error) {
    return `${error.name} ${error.code}: ${error.originalMessage ?? error.message}`
  }
}

async function main() {
  const app = ApplicationCredentialsManager.fromCredentials({ clientId, clientSecret, portal })
  const wrong = ApplicationCredentialsManager.fromCredentials({ clientId, clientSecret: 'wrong', portal })
  await app.refreshToken()
  const user = await request(`${portal}/generateToken`, {
    params: { username, password, client: 'referer', referer: 'https://client.example' },
  })
  const all = await queryAllFeatures({ url, where: "kind = 'breaker'", authentication: app })
  const page = await queryFeatures({ url, resultRecordCount: 2, f: 'geojson', authentication: app })
  const layer = await getLayer({ url, authentication: app })
  const answer = {
    // It takes five minutes off.
    secondsLeft: Math.round((app.expires - Date.now()) / 1000) + 300,
    userSecondsLeft: Math.round((user.expires - Date.now()) / 1000),
    breakers: all.features.length,
    geometry: Object.keys(all.features[0].geometry),
    geojson: [page.type, page.features.length, page.properties.exceededTransferLimit],
    objectIdField: layer.objectIdField,
    wrongSecret: await said(() => wrong.refreshToken()),
    noToken: await said(() => request(service)),
    wrongWhere: await said(() => queryFeatures({ url, where: 'colour = 1', authentication: app })),
  }
  console.log(JSON.stringify(answer))
}

main()
