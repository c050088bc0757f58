"use strict";

/* The drawing of the grid: made once, then marked with each state. */
class Drawing {
  static NAMESPACE = "http://www.w3.org/2000/svg";
  static SIZE = 1000;

  constructor(svg, grid, onChoose) {
    this.svg = svg;
    this.areas = new Map();
    this.lines = new Map();
    this.switches = new Map();
    this.crews = new Map();
    this.fit(grid);
    for (const area of grid.areas) {
      this.areas.set(area.zone, this.add("path", { class: "low", d: area.lines.map((line) => this.path(line)).join("") }));
    }
    for (const line of grid.lines) {
      this.lines.set(line.id, this.add("path", { class: "medium", d: this.path(line.path) }, line.name));
    }
    for (const place of grid.sources) {
      const [x, y] = this.point(place);
      this.add("rect", { class: "source", x: x - 9, y: y - 9, width: 18, height: 18 }, "Source, 110 kV");
    }
    for (const item of grid.switches) {
      const [x, y] = this.point(item.position);
      const radius = item.kind === "breaker" ? 6 : 4.5;
      const title = `${item.id}, ${item.name}, ${item.zone}`;
      const dot = this.add("circle", { class: "switch", cx: x, cy: y, r: radius }, title);
      dot.addEventListener("click", () => onChoose(item.id));
      this.switches.set(item.id, dot);
    }
  }

  fit(grid) {
    const places = grid.areas.flatMap((area) => area.lines.flat()).concat(grid.lines.flatMap((line) => line.path));
    const longitudes = places.map((place) => place[0]);
    const latitudes = places.map((place) => place[1]);
    this.west = longitudes.reduce((least, value) => Math.min(least, value));
    this.north = latitudes.reduce((most, value) => Math.max(most, value));
    const east = longitudes.reduce((most, value) => Math.max(most, value));
    const south = latitudes.reduce((least, value) => Math.min(least, value));
    this.narrowing = Math.cos((this.north * Math.PI) / 180);
    this.scale = Drawing.SIZE / (this.north - south);
    const width = (east - this.west) * this.narrowing * this.scale;
    this.svg.setAttribute("viewBox", `-20 -20 ${width + 40} ${Drawing.SIZE + 40}`);
  }

  point([longitude, latitude]) {
    const x = (longitude - this.west) * this.narrowing * this.scale;
    const y = (this.north - latitude) * this.scale;
    return [Math.round(x * 10) / 10, Math.round(y * 10) / 10];
  }

  path(places) {
    return places.map((place, index) => `${index ? "L" : "M"}${this.point(place).join(" ")}`).join("");
  }

  add(name, attributes, title) {
    const element = document.createElementNS(Drawing.NAMESPACE, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (title) {
      const text = document.createElementNS(Drawing.NAMESPACE, "title");
      text.textContent = title;
      element.append(text);
    }
    this.svg.append(element);
    return element;
  }

  show(state) {
    const deadLines = new Set(state.dead.lines);
    for (const [id, line] of this.lines) line.classList.toggle("dead", deadLines.has(id));
    for (const [zone, area] of this.areas) area.classList.toggle("dead", Boolean(state.dead.areas[zone]));
    const opened = new Map(state.open.map((item) => [item.id, item]));
    for (const [id, dot] of this.switches) {
      const item = opened.get(id);
      dot.classList.toggle("open", Boolean(item));
      dot.classList.toggle("tripped", Boolean(item && item.since));
    }
    for (const crew of state.crews) this.showCrew(crew);
  }

  showCrew(crew) {
    if (!this.crews.has(crew.id)) {
      this.crews.set(crew.id, this.add("path", { class: "crew", d: "M0 -11L9 7L-9 7Z" }, crew.name));
    }
    this.crews.get(crew.id).setAttribute("transform", `translate(${this.point(crew.position).join(" ")})`);
  }

  choose(id) {
    for (const [other, dot] of this.switches) dot.classList.toggle("chosen", other === id);
  }
}
