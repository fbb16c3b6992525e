package pooler

import (
	"cmp"
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/console"
	"holdfast/internal/pgbouncer"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// root is the table that all settings stand in.
const root = "database"

// Config implements console.Settings: first what PgBouncer has, too, under its names and in its units, then all of ours.
// Secrets know how to hide themselves.
func (s source) Config() []console.Setting {
	now, usual := map[string]any{}, map[string]any{}
	c, db := s.tuned.Load().onto(s.config, s.opts.Database)
	flatten(now, root, reflect.ValueOf(db))
	flatten(now, root, reflect.ValueOf(c))
	flatten(usual, root, reflect.ValueOf(postgres.DefaultConfig()))
	flatten(usual, root, reflect.ValueOf(DefaultConfig()))
	rows := []console.Setting{
		{Key: "stats_period", Value: seconds(statsPeriod), Default: seconds(statsPeriod)},
		{Key: "suspend_timeout", Value: seconds(suspendTime), Default: seconds(suspendTime)},
	}
	for _, a := range pgbouncer.Aliases() {
		path := a.Key
		if a.Each {
			path = strings.Replace(path, root+".endpoints.", root+".endpoints[0].", 1)
		}
		value, known := now[path]
		if !known && !a.Each {
			continue
		}
		rows = append(rows, console.Setting{Key: a.Name, Value: theirs(value, a.Fine), Default: theirs(usual[path], a.Fine), Changeable: isChangeable(path)})
	}
	slices.SortFunc(rows, func(a, b console.Setting) int { return cmp.Compare(a.Key, b.Key) })
	for _, path := range slices.Sorted(maps.Keys(now)) {
		rows = append(rows, console.Setting{Key: path, Value: textOf(now[path]), Default: textOf(usual[path]), Changeable: isChangeable(path)})
	}
	return rows
}

// flatten writes all settings below v into a map by their paths.
func flatten(to map[string]any, path string, v reflect.Value) {
	if _, isText := v.Interface().(encoding.TextMarshaler); isText {
		to[path] = v.Interface()
		return
	}
	switch v.Kind() { //nolint:exhaustive // the others are plain values
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
			switch {
			case !field.IsExported() || name == "-":
			case field.Anonymous && name == "":
				flatten(to, path, v.Field(i))
			case name != "":
				flatten(to, path+"."+name, v.Field(i))
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			flatten(to, path+"."+key.String(), v.MapIndex(key))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Struct {
			to[path] = v.Interface()
			return
		}
		for i := range v.Len() {
			flatten(to, path+"["+strconv.Itoa(i)+"]", v.Index(i))
		}
	default:
		to[path] = v.Interface()
	}
}

// textOf writes a value as the configuration file has it, but for the quotation marks.
func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case []string:
		return strings.Join(v, ", ")
	}
	return fmt.Sprint(value)
}

// theirs writes a value as PgBouncer does: times in seconds, or milliseconds, truth as 1 and 0.
func theirs(value any, fine bool) string {
	switch v := value.(type) {
	case unit.Duration:
		if fine {
			return strconv.FormatInt(v.D().Milliseconds(), 10)
		}
		return seconds(v.D())
	case bool:
		if v {
			return "1"
		}
		return "0"
	}
	return textOf(value)
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
