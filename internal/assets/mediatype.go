package assets

import (
	"path"
	"strings"
)

// mediaType returns the Content-Type of a file by the end of its name. The table is ours because those of systems differ:
// the same release must answer alike on every machine.
func mediaType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js", ".mjs", ".cjs":
		return "text/javascript; charset=utf-8"
	case ".json", ".map":
		return "application/json"
	case ".html", ".htm":
		return "text/html; charset=utf-8"
	case ".txt", ".md":
		return "text/plain; charset=utf-8"
	case ".csv":
		return "text/csv; charset=utf-8"
	case ".vtt":
		return "text/vtt; charset=utf-8"
	case ".xml":
		return "text/xml; charset=utf-8"
	case ".webmanifest":
		return "application/manifest+json"
	case ".geojson":
		return "application/geo+json"
	case ".wasm":
		return "application/wasm"
	case ".pdf":
		return "application/pdf"
	}
	if t := pictureType(name); t != "" {
		return t
	}
	return "application/octet-stream"
}

func pictureType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".svg":
		return "image/svg+xml"
	case ".png", ".gif", ".webp", ".avif", ".bmp", ".jxl":
		return "image/" + strings.ToLower(path.Ext(name))[1:]
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".ico", ".cur":
		return "image/x-icon"
	case ".woff", ".woff2", ".ttf", ".otf":
		return "font/" + strings.ToLower(path.Ext(name))[1:]
	case ".eot":
		return "application/vnd.ms-fontobject"
	case ".mp4", ".webm":
		return "video/" + strings.ToLower(path.Ext(name))[1:]
	case ".mp3":
		return "audio/mpeg"
	case ".ogg", ".oga", ".opus":
		return "audio/ogg"
	case ".wav":
		return "audio/wav"
	}
	return ""
}

// compressible reports whether it is worth trying to compress a file. What is compressed already is known by its name.
func compressible(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".png", ".gif", ".webp", ".avif", ".jxl", ".jpg", ".jpeg", ".woff", ".woff2", ".mp4", ".webm", ".mp3", ".ogg", ".oga",
		".opus", ".gz", ".br", ".zst", ".zip", ".bz2", ".xz", ".7z", ".tgz", ".pdf", ".docx", ".xlsx", ".pptx", ".odt", ".epub":
		return false
	}
	return true
}
