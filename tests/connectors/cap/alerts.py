"""A CAP message without a fault, written out by hand, and the same with exactly one."""

GOOD = """<?xml version='1.0' encoding='UTF-8'?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>utility.2026-0117.2</identifier>
  <sender>outages@utility.example</sender>
  <sent>2026-11-24T02:15:00-00:00</sent>
  <status>Actual</status>
  <msgType>Update</msgType>
  <scope>Public</scope>
  <references>outages@utility.example,utility.2026-0117.1,2026-11-24T01:15:00-00:00</references>
  <incidents>2026-0117</incidents>
  <info>
    <language>en-GB</language>
    <category>Infra</category>
    <event>Power outage</event>
    <responseType>Monitor</responseType>
    <urgency>Immediate</urgency>
    <severity>Minor</severity>
    <certainty>Observed</certainty>
    <eventCode><valueName>OET:v1.2</valueName><value>OET-145</value></eventCode>
    <effective>2026-11-24T02:15:00-00:00</effective>
    <onset>2026-11-24T01:00:00-00:00</onset>
    <expires>2026-11-24T06:15:00-00:00</expires>
    <senderName>Utility</senderName>
    <headline>Power outage: East</headline>
    <description>Some customers have no power.</description>
    <web>https://utility.example/outages</web>
    <resource>
      <resourceDesc>Map</resourceDesc><mimeType>image/png</mimeType><uri>https://utility.example/map.png</uri>
      <digest>da39a3ee5e6b4b0d3255bfef95601890afd80709</digest>
    </resource>
    <area>
      <areaDesc>East</areaDesc>
      <polygon>53.60,11.40 53.70,11.40 53.70,11.50 53.60,11.40</polygon>
      <circle>53.65,11.45 2</circle>
      <altitude>0</altitude>
      <ceiling>100</ceiling>
    </area>
  </info>
  <info>
    <language>de-DE</language>
    <category>Infra</category>
    <event>Stromausfall</event>
    <urgency>Immediate</urgency>
    <severity>Minor</severity>
    <certainty>Observed</certainty>
    <eventCode><valueName>OET:v1.2</valueName><value>OET-145</value></eventCode>
    <area><areaDesc>Ost</areaDesc><polygon>53.60,11.40 53.70,11.40 53.70,11.50 53.60,11.40</polygon></area>
  </info>
</alert>
"""


def with_fault(before: str, after: str) -> bytes:
    """The good message with the first occurrence of a text exchanged."""
    assert before in GOOD
    return GOOD.replace(before, after, 1).encode()
