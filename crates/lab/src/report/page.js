"use strict";
(() => {
  const key = (row, column) => {
    const field = row.cells[column];
    if (field.classList.contains("number")) {
      return field.dataset.value === undefined ? null : Number(field.dataset.value);
    }
    return field.textContent;
  };
  const compare = (one, other) =>
    typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other));

  // Rows without a value come last, whichever way.
  const sort = (table, column, descending) => {
    const rows = [...table.tBodies[0].rows].map((row) => [key(row, column), row]);
    rows.sort(([one], [other]) => {
      if (one === null || other === null) return (one === null) - (other === null);
      return descending ? compare(other, one) : compare(one, other);
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
  };

  for (const table of document.querySelectorAll("table")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      heading.querySelector("button").addEventListener("click", () => {
        const descending = heading.getAttribute("aria-sort") === "ascending";
        for (const other of headings) other.setAttribute("aria-sort", "none");
        heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sort(table, column, descending);
      });
    });
  }

  const input = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const rows = [...document.getElementById("cells-table").tBodies[0].rows];
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const fields = [...row.cells].map((field) => field.textContent.toLowerCase());
      row.hidden = !words.every((word) => fields.some((field) => field.includes(word)));
      count += row.hidden ? 0 : 1;
    }
    shown.textContent = `${count} of ${rows.length}`;
  };
  input.addEventListener("input", filter);
  input.closest("p").hidden = false;
  filter();
})();
