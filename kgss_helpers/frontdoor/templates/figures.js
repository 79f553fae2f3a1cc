// Draws plotly's figures from their data, which stand in the page as JSON. One that was drawn is not drawn again.
window.kgssFigures = {
  /** Draw what an element holds; a size in pixels can be asked for. */
  draw(root, size = {}) {
    for (const place of root.querySelectorAll(".kgss-plotly:not(.js-plotly-plot)")) {
      const { data, layout } = JSON.parse(place.querySelector("script").textContent);
      const { width, height, ...rest } = layout ?? {};
      const wide = Math.min(width ?? Infinity, size.width ?? Infinity);
      const high = Math.min(height ?? 450, size.height ?? Infinity);
      const fixed = { ...rest, height: high, ...(Number.isFinite(wide) ? { width: wide } : { autosize: true }) };
      window.Plotly.newPlot(place, data, fixed, { displaylogo: false, responsive: !Number.isFinite(wide) });
    }
  },
};
