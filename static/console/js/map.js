// The network around an outage, drawn on canvas from this organisation's own data. No tiles are fetched from anywhere.
(() => {
  const element = document.getElementById('map');
  if (!element || !window.L) return;
  const L = window.L;
  // A canvas knows no variables: each is resolved once, for the theme that holds.
  const probe = document.createElement('i');
  probe.hidden = true;
  element.after(probe);
  const colours = () => Object.fromEntries(['off', 'on', 'ground', 'point', 'back', 'tie', 'area', 'zone'].map(name => {
    probe.className = `map-colour-${name}`;
    return [name, getComputedStyle(probe).color];
  }));
  const reduced = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const map = L.map(element, {
    preferCanvas: true, attributionControl: false, zoomSnap: 0.25, minZoom: 8, maxZoom: 20,
    zoomAnimation: !reduced, fadeAnimation: !reduced, scrollWheelZoom: true, keyboard: true,
  });
  const canvas = L.canvas({ padding: 0.3 });
  const scale = L.control.scale({ imperial: false, position: 'bottomleft' });
  scale.addTo(map);
  // The area of a public alert and the zones around it, on the page that previews one.
  const alert = JSON.parse(element.dataset.alert || '{"area": [], "zones": []}');
  const shape = (rings, style) => L.polygon(rings.map(ring => [ring]), { renderer: canvas, ...style });
  let layer = null, data = null, framed = false;

  const mark = (kind, text) => L.divIcon({ className: `mk ${kind}`, html: `<i>${text}</i>`, iconSize: null });

  const draw = () => {
    if (!data) return;
    const c = colours();
    if (layer) layer.remove();
    layer = L.layerGroup().addTo(map);
    const quiet = { renderer: canvas, interactive: false };
    if (alert.area.length) shape(alert.area, { ...quiet, color: c.area, weight: 3, dashArray: '10 5', fillOpacity: .12 }).addTo(layer);
    alert.zones.forEach(([name, rings]) => {
      shape(rings, { color: c.zone, weight: 1.2, fillOpacity: 0 }).bindTooltip(name, { sticky: true }).addTo(layer);
    });
    // Low voltage is thin and below, so that what feeds it can be followed through it.
    const lines = (off, main) => data.lines.filter(line => line[0] === off && line[2] === main).map(line => line[1]);
    const line = (some, style) => L.polyline(some, { ...quiet, ...style }).addTo(layer);
    line(lines(false, false), { color: c.on, weight: 1, opacity: 0.5 });
    line(lines(true, false), { color: c.off, weight: 1.6, opacity: 0.75 });
    line(lines(false, true), { color: c.on, weight: 2 });
    line(lines(true, true), { color: c.off, weight: 5 });
    line(lines(true, true), { color: c.ground, weight: 1.8, dashArray: '5 6', lineCap: 'butt' });
    data.points.forEach(([off, lat, lon]) => L.circleMarker([lat, lon], {
      ...quiet, stroke: false, radius: off ? 1.9 : 1.5, fillColor: off ? c.point : c.back, fillOpacity: off ? .9 : .8,
    }).addTo(layer));
    data.devices.forEach(([off, lat, lon, kind, id, open]) => {
      if (data.failed && id === data.failed.id) return;
      const shown = L.circleMarker([lat, lon], {
        renderer: canvas, radius: open ? 4.5 : 2.4, weight: open ? 2 : 1.2, color: open ? c.tie : off ? c.off : c.on,
        fillColor: open ? c.ground : off ? c.off : c.on, fillOpacity: 1,
      }).addTo(layer);
      shown.bindTooltip(`${id}, ${kind.toLowerCase().replaceAll('_', ' ')}${open ? ', open' : ''}${off ? ', off' : ''}`);
    });
    data.critical.forEach(([off, lat, lon, number]) => L.marker([lat, lon], {
      icon: mark(off ? 'dia' : 'dia back', number), keyboard: false, zIndexOffset: 500,
      title: `Critical customer ${number}, ${off ? 'off' : 'back'}`,
    }).addTo(layer));
    if (data.failed) {
      L.marker([data.failed.lat, data.failed.lon], {
        icon: mark('trip', '✕'), keyboard: false, zIndexOffset: 1000, title: data.failed.id,
      }).bindTooltip(data.failed.id, { permanent: true, direction: 'right', offset: [12, 0], className: 'mk-word' }).addTo(layer);
    }
  };

  const frame = () => {
    const spots = [
      ...(data.failed ? [[data.failed.lat, data.failed.lon]] : []),
      ...data.points.map(([, lat, lon]) => [lat, lon]), ...data.critical.map(([, lat, lon]) => [lat, lon]),
    ];
    spots.push(...alert.area.flat());
    const all = spots.length > 1 ? spots : [...spots, ...data.lines.flatMap(([, path]) => path)];
    if (all.length) map.fitBounds(L.latLngBounds(all).pad(0.12), { animate: false, maxZoom: 17 });
    else map.setView([0, 0], 8, { animate: false });
  };

  const load = async () => {
    try {
      const answer = await fetch(element.dataset.url, { credentials: 'same-origin' });
      if (!answer.ok) throw new Error(String(answer.status));
      data = await answer.json();
      document.getElementById('map-attribution').textContent = data.attribution;
      if (!framed) { frame(); framed = true; }
      draw();
    } catch { document.getElementById('map-attribution').textContent = 'The map could not be read.'; }
  };

  const fit = L.control({ position: 'topleft' });
  fit.onAdd = () => {
    const bar = L.DomUtil.create('div', 'leaflet-bar');
    const button = L.DomUtil.create('a', 'map-fit', bar);
    button.href = '#'; button.role = 'button'; button.title = 'Show all that is affected'; button.textContent = '⤢';
    button.setAttribute('aria-label', button.title);
    L.DomEvent.disableClickPropagation(bar);
    L.DomEvent.on(button, 'click', event => { L.DomEvent.preventDefault(event); if (data) frame(); });
    return bar;
  };
  fit.addTo(map);

  element.addEventListener('stale', load);
  new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ['class'] });
  load();
})();
